// What is shown where no page is, or where one failed.
import { Anchor, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { Link, useRouteError } from "react-router";
import { useConnected } from "../api/live";
import { EmptyView } from "../parts/empty-view";
import { ErrorView } from "../parts/error-view";

export function RouteFailed() {
  const error = useRouteError();
  // After an upgrade of the server the files of the old page are gone; the new one is a reload away.
  const known = error instanceof Error ? error : new Error(String(error));
  return <ErrorView error={known} again={() => location.reload()} />;
}

/** A page whose file did not come. (A route whose `lazy` fails would be shown as nothing at all.) */
export function PageDidNotCome() {
  const connected = useConnected();
  const was = useRef(connected);
  useEffect(() => {
    if (connected && !was.current) location.reload();
    was.current = connected;
  }, [connected]);
  const words = "This page did not come: the server does not answer, or it has been upgraded since. It goes on by itself once the server is back.";
  return <ErrorView title="No connection" error={new Error(words)} again={() => location.reload()} />;
}

export function NotFound() {
  return (
    <EmptyView title="There is no such page">
      <Text>The address may have been cut off. <Anchor component={Link} to="/">Go to the home page</Anchor></Text>
    </EmptyView>
  );
}
