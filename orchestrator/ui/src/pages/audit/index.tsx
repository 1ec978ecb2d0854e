import { Page } from "../../parts/page";

export default function Stub() {
  return <Page title="audit">soon</Page>;
}
