// Who runs tasks and what waits for whom: queues with what they lack, and workers with what they do.
import { Page } from "../../parts/page";
import { Queues } from "./queues";
import { Workers } from "./workers";
import "./workers.css";

export default function WorkersPage() {
  return (
    <Page title="Workers and queues">
      <Queues />
      <Workers />
    </Page>
  );
}
