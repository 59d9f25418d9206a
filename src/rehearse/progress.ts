import type { EventSink } from "../core/events.js";
import type { ServiceState } from "./containers.js";

/** Turns the states of services into events of the phase `start`: each is an item, done when ready. */
export function tellStates(onEvent: EventSink): (states: readonly ServiceState[]) => void {
  const done = new Set<string>();
  return (states) => {
    for (const { name, rank, word } of states) {
      if (rank === "ready" && !done.has(name)) {
        done.add(name);
        onEvent({ type: "item", phase: "start", name, state: "done", detail: word });
      } else if (rank !== "ready" && !done.has(name)) {
        onEvent({ type: "item", phase: "start", name, state: "step", detail: word });
      }
    }
  };
}
