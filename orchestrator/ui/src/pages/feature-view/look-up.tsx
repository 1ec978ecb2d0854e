// The features of one key as a prediction would get them now. Asked of the endpoint in this process; the keys are in the
// address, so that a look-up can be handed on.
import { Alert, Button, Table, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError, api, ask } from "../../api/client";
import { useSession } from "../../api/session";
import type { Schema } from "../../api/types";
import { shown, whole } from "../../format/value";
import { useAddress } from "../../parts/address";
import { useBusinessNow } from "../../parts/business-now";
import { ErrorView } from "../../parts/error-view";
import { Facts } from "../../parts/facts";
import { Freshness } from "../../parts/freshness";
import { Card, Loaded } from "../../parts/page";
import { FeatureSign } from "../../parts/sign-of-feature";
import { Time } from "../../parts/time";
import { Words } from "../../parts/words";
import type { View } from "../features/views";

/** Before the names of keys in the address, where other words stand too. */
const KEY = "key.";

type Keys = Record<string, string>;

export function LookUp({ view }: { view: View }) {
  const { may } = useSession();
  if (!may("operator")) return <Card title="Look up a key"><Text size="sm" c="dimmed">Your role may look at views, but not at their values. Operators may.</Text></Card>;
  if (view.publication == null) return <Card title="Look up a key"><Text size="sm" c="dimmed">Nothing is published yet. Run a DAG that materializes this view.</Text></Card>;
  return <LookUpOf view={view} />;
}

function LookUpOf({ view }: { view: View }) {
  const [address, choose] = useAddress();
  const given: Keys = Object.fromEntries(view.keys.map((key) => [key, address.get(KEY + key) ?? ""]));
  const [typed, setTyped] = useState(given);
  const whole = view.keys.every((key) => address.has(KEY + key));
  function send(event: FormEvent): void {
    event.preventDefault();
    choose(Object.fromEntries(view.keys.map((key) => [KEY + key, typed[key]?.trim() ?? ""])));
  }
  return (
    <Card title={view.keys.length === 0 ? "Values now" : "Look up a key"}>
      {view.keys.length > 0 && (
        <form className="look-up-form" onSubmit={send}>
          {view.keys.map((key) => (
            <TextInput key={key} label={key} required withAsterisk={false} value={typed[key] ?? ""} onChange={(event) => setTyped({ ...typed, [key]: event.currentTarget.value })} />
          ))}
          <Button type="submit">Look up</Button>
        </form>
      )}
      {whole && <Found view={view} keys={given} />}
    </Card>
  );
}

function Found({ view, keys }: { view: View; keys: Keys }) {
  const found = useQuery({
    // A new publication has other values.
    queryKey: ["views", view.name, "look-up", keys, view.publication?.number],
    queryFn: () => ask(api.GET("/v1/features/{view}", { params: { path: { view: view.name }, query: { keys } }, querySerializer: { object: { style: "form", explode: true } } })),
    retry: false,
    refetchOnWindowFocus: false,
  });
  const { error } = found;
  if (found.data === undefined && error instanceof ApiError && [404, 503].includes(error.status)) return <NotServed error={error} />;
  if (found.data === undefined && error !== null) return <ErrorView error={error} title="It cannot be looked up" />;
  return <Loaded query={found}>{(answer) => <Answer answer={answer} />}</Loaded>;
}

/** The endpoint may run elsewhere, or have no rows of the view yet. */
function NotServed({ error }: { error: ApiError }) {
  const nowhere = error.problem?.code !== "view_not_published" && error.status === 404;
  return (
    <Alert color="gray" mt="md" title={nowhere ? "No endpoint answers here" : "The endpoint has no values of this view"}>
      <Text size="sm"><Words text={nowhere ? "This server serves no features. Ask the process that does: `daybreak serve` on the machine with the online store." : error.message} /></Text>
    </Alert>
  );
}

function Answer({ answer }: { answer: Schema<"EntityFeatures"> }) {
  const now = useBusinessNow();
  const { status, as_of, measured_from, generation, features } = answer;
  return (
    <>
      <div style={{ margin: "1rem 0" }}>
        <Facts facts={[
          ["The row", <FeatureSign status={status} />],
          ["Age of TTL", <Freshness from={measured_from ?? as_of} ttlUs={generation.ttl_us} now={now} />],
          ["As of", <Time at={as_of} />],
          ["Publication", `number ${generation.publication}, ${generation.rows.toLocaleString("en")} rows`],
        ]} />
      </div>
      <Table aria-label="Values" verticalSpacing={5} horizontalSpacing={0}>
        <Table.Thead><Table.Tr><Table.Th>Feature</Table.Th><Table.Th ta="right">Value</Table.Th><Table.Th ta="right">Status</Table.Th></Table.Tr></Table.Thead>
        <Table.Tbody>
          {Object.entries(features).map(([name, feature]) => (
            <Table.Tr key={name}>
              <Table.Td className="mono">{name}</Table.Td>
              <Table.Td className="mono" ta="right" title={whole(feature.value)}>{shown(feature.value)}</Table.Td>
              <Table.Td ta="right"><FeatureSign status={feature.status} /></Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}
