// One feature view: how it stands, what it holds, its builds over time, and a look-up of one key.
import { Anchor, Text } from "@mantine/core";
import { Link, useParams } from "react-router";
import { EmptyView } from "../../parts/empty-view";
import { Loaded, Page } from "../../parts/page";
import { StandingSign } from "../features/standing";
import { useViews, type View } from "../features/views";
import { Builds } from "./builds";
import { Columns } from "./columns";
import { LookUp } from "./look-up";
import { Overview } from "./overview";
import "./feature-view.css";

export default function FeatureViewPage() {
  const { view: name = "" } = useParams();
  const views = useViews();
  const view = views.data?.find((each) => each.name === name);
  return (
    <Page title={name} above={[["/features", "Features"]]} beside={view && <StandingSign view={view} />}>
      <Loaded query={views} height={400}>{() => (view === undefined ? <Unknown name={name} /> : <OneView key={name} view={view} />)}</Loaded>
    </Page>
  );
}

function OneView({ view }: { view: View }) {
  return (
    <>
      <Overview view={view} />
      <div className="view-halves">
        <LookUp view={view} />
        <Columns view={view} />
      </div>
      <Builds view={view} />
    </>
  );
}

function Unknown({ name }: { name: string }) {
  return (
    <EmptyView title="The project declares no such view">
      <Text size="sm">The live version has no feature view “{name}”; it may have been renamed. <Anchor component={Link} to="/features">All views</Anchor></Text>
    </EmptyView>
  );
}
