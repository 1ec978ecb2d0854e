// One model: its versions and how they do over time, what its aliases point at and who moved them; promote and roll back.
import { Anchor, Button, Code, Text } from "@mantine/core";
import { IconBolt } from "@tabler/icons-react";
import { Link, useParams } from "react-router";
import { useSession } from "../../api/session";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { Loaded, Page } from "../../parts/page";
import { usePanelFocus } from "../../parts/panel-focus";
import { AliasBadge } from "../models/metrics";
import "../models/models.css";
import "./model.css";
import { AliasMoves } from "./alias-moves";
import { ChosenVersion } from "./chosen-version";
import { MetricsOverTime } from "./metrics-over-time";
import { RollBack } from "./roll-back";
import { type Model, useModel } from "./use-model";
import { Versions } from "./versions";

export default function ModelPage() {
  const { model: name = "" } = useParams();
  const { may } = useSession();
  const model = useModel(name);
  const actions = may("operator") && model.data != null && (
    <>
      <Button component={Link} to={`/predict/${name}`} variant="default" leftSection={<IconBolt size={16} aria-hidden />}>Predict</Button>
      <RollBack model={model.data} />
    </>
  );
  return (
    <Page title={name} above={[["/models", "Models"]]} beside={model.data && <Live model={model.data} />} actions={actions}>
      <Loaded query={model} height={400}>{(found) => (found === null ? <Unknown name={name} /> : <OneModel key={name} model={found} />)}</Loaded>
    </Page>
  );
}

function OneModel({ model }: { model: Model }) {
  const [address] = useAddress();
  const asked = Number(address.get("version"));
  const chosen = Number.isInteger(asked) && asked > 0 ? asked : null;
  const heading = usePanelFocus(chosen === null ? null : String(chosen));
  if (model.versions === 0) return <NotTrained model={model.name} />;
  return (
    <>
      {chosen !== null && <ChosenVersion model={model} version={chosen} heading={heading} />}
      <MetricsOverTime model={model} />
      <Versions model={model} />
      <AliasMoves model={model} />
    </>
  );
}

function Live({ model: { name, aliases } }: { model: Model }) {
  return Object.entries(aliases).map(([alias, version]) => (
    <Anchor key={alias} component={Link} to={`/models/${name}?version=${version}`} className="alias-link"><AliasBadge alias={alias} /> v{version}</Anchor>
  ));
}

function NotTrained({ model }: { model: string }) {
  return (
    <EmptyView title="Not trained yet">
      <Text size="sm">Run a DAG with a task of the kind <Code>train</Code> and <Code>model: {model}</Code>.</Text>
    </EmptyView>
  );
}

function Unknown({ name }: { name: string }) {
  return (
    <EmptyView title="There is no such model">
      <Text size="sm">The project neither declares “{name}” nor has versions of it. <Anchor component={Link} to="/models">All models</Anchor></Text>
    </EmptyView>
  );
}
