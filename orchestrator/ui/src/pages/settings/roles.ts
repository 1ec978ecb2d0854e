// What each role may do, in words. The server decides; this tells.
import type { Role } from "../../api/types";

export const ROLES: Record<Role, string> = {
  viewer: "looks at everything but tokens, features' values and predictions",
  operator: "also starts, cancels, reruns, approves, pauses, promotes and predicts",
  editor: "also applies the project's files, which decide what code runs",
  admin: "everything, tokens included",
  worker: "for processes that run tasks or serve models",
  predict: "for programs that ask for predictions and features, and nothing else",
};

/** In the order of what they may do. */
export const ROLE_NAMES = Object.keys(ROLES) as Role[];
