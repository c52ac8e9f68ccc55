-- by_hand: somebody asked for this page himself; it waits for no bundle.
alter table deliveries add column by_hand integer not null default 0;
