// What is seen until the first answer is there.
import { Loader } from "@mantine/core";

export function Opening() {
  return <div className="page-center"><Loader role="status" aria-label="Loading" /></div>;
}
