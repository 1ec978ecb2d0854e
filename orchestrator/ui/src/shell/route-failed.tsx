// What is shown where no page is, or where one failed.
import { Anchor, Text } from "@mantine/core";
import { Link, useRouteError } from "react-router";
import { EmptyView } from "../parts/empty-view";
import { ErrorView } from "../parts/error-view";

export function RouteFailed() {
  const error = useRouteError();
  // After an upgrade of the server the files of the old page are gone; the new one is a reload away.
  const known = error instanceof Error ? error : new Error(String(error));
  return <ErrorView error={known} again={() => location.reload()} />;
}

export function NotFound() {
  return (
    <EmptyView title="There is no such page">
      <Text>The address may have been cut off. <Anchor component={Link} to="/">Go to the home page</Anchor></Text>
    </EmptyView>
  );
}
