-- slug: the name of a silence in the file of the apply that made it, as long as nobody ends it.
alter table silences add column slug text;
create unique index silences_slug on silences (slug) where slug is not null and ended_at is null;
