// Names for the shapes that the modules pass on; what the server sends is in ../api.d.ts.
import type { components } from "../api.js";

type Schemas = components["schemas"];
export type Incident = Schemas["Incident"];
export type Event = Schemas["Event"];
export type Delivery = Schemas["DeliveryView"];
export type Me = Schemas["Me"];
export type Alert = Schemas["MemberView"];
export type Action = Schemas["Action"];

export interface Route { name: string; id: string; query: URLSearchParams }

export interface Detail {
  id: number;
  events: Event[];
  alerts: Alert[];
  deliveries: Delivery[];
  ready: boolean;
  missing: boolean;
  error: string;
  open: boolean;
}

export interface Toast {
  id: number;
  text: string;
  wrong: boolean;
  label: string;
  run: (() => void) | null;
}

export interface Older { key: string; items: Incident[]; next: string | null; busy: boolean; error: string }

export interface Dialog { kind: string; ids: number[]; [more: string]: unknown }

export interface State {
  session: "unknown" | "in" | "out" | "unreachable";
  me: Me | null;
  route: Route;
  incidents: Map<number, Incident>;
  version: number;
  loaded: boolean;
  live: {
    is: "connecting" | "live" | "lost";
    asOf: number | null;
    /** Not all that is open has come yet. */
    partial: boolean;
    retryAt: number | null;
    newer: boolean;
    why: string;
  };
  list: {
    filter: string;
    selected: Set<number>;
    cursor: number | null;
    picking: boolean;
    facets: boolean;
    older: Older | null;
  };
  detail: Detail | null;
  /** Username to name, of whom I may see. */
  people: Map<string, string>;
  pending: Map<number, string>;
  toasts: Toast[];
  dialog: Dialog | null;
  said: string;
  hearing: { at: string | null; from: string; integrations: number; onCall: Schemas["OnCall"][]; gaps: Schemas["Uncovered"][]; unreachable: Schemas["Unreachable"][] } | null;
  page: Record<string, any>;
}
