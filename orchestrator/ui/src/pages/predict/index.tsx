// Tries a prediction: a form of what the model asks for, the answer, the features it was made from and how old they were.
import { Alert, Anchor, Button, Code, Select, Text } from "@mantine/core";
import { IconCube } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { ApiError, api, ask } from "../../api/client";
import { EVERY_MINUTE_MS } from "../../api/queries";
import { useSession } from "../../api/session";
import type { Schema } from "../../api/types";
import { useAddress } from "../../parts/address";
import { EmptyView } from "../../parts/empty-view";
import { Loaded, Page } from "../../parts/page";
import { AnswerCard } from "./answer";
import { FeaturesUsed } from "./features-used";
import { LastOnes } from "./last-ones";
import { PredictForm } from "./predict-form";
import { Raw } from "./raw";
import { useMade, useRecord } from "./use-predict";
import "./predict.css";

export default function Predict() {
  const { model } = useParams();
  const { may } = useSession();
  if (!may("operator")) {
    return <Page title="Predict"><EmptyView title="Your role may not predict"><Text size="sm">Operators and higher roles may, and tokens of the role predict.</Text></EmptyView></Page>;
  }
  return (
    <Page title="Predict" actions={<ChooseModel chosen={model} />}>
      {model !== undefined && <OfModel key={model} model={model} />}
    </Page>
  );
}

function ChooseModel({ chosen }: { chosen: string | undefined }) {
  const go = useNavigate();
  const models = useQuery({ queryKey: ["models", "names"], queryFn: () => ask(api.GET("/api/v1/models", { params: { query: { limit: 500 } } })), staleTime: EVERY_MINUTE_MS });
  const first = models.data?.models.find((model) => Object.keys(model.aliases).length > 0) ?? models.data?.models[0];
  useEffect(() => {
    if (chosen === undefined && first !== undefined) void go(`/predict/${first.name}`, { replace: true });
  }, [chosen, first, go]);
  if (models.data?.models.length === 0) return <Text size="sm" c="dimmed">The project declares no models.</Text>;
  return (
    <>
      <Select aria-label="Model" data={models.data?.models.map(({ name }) => name) ?? []} value={chosen ?? null} onChange={(name) => name !== null && void go(`/predict/${name}`)} searchable allowDeselect={false} w={240} />
      {chosen !== undefined && <Button variant="default" component={Link} to={`/models/${chosen}`} leftSection={<IconCube size={16} aria-hidden />}>Model</Button>}
    </>
  );
}

function OfModel({ model }: { model: string }) {
  const endpoint = useQuery({
    queryKey: ["models", model, "endpoint"],
    queryFn: () => ask(api.GET("/v1/models/{name}", { params: { path: { name: model } } })),
    refetchInterval: EVERY_MINUTE_MS,
    retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status === 404),
  });
  if (endpoint.data === undefined && endpoint.error instanceof ApiError && endpoint.error.status === 404) return <NoEndpoint error={endpoint.error} />;
  return (
    <Loaded query={endpoint} height={400}>
      {({ live, load_failed }) => (
        <>
          {load_failed != null && <LoadFailed failure={load_failed} />}
          {live == null ? <NotLive model={model} /> : <Live model={model} live={live} />}
        </>
      )}
    </Loaded>
  );
}

function Live({ model, live }: { model: string; live: Schema<"LiveVersion"> }) {
  const [address] = useAddress();
  const id = address.get("prediction");
  const made = useMade().find(({ answer }) => answer.prediction_id === id);
  const record = useRecord(id, made !== undefined);
  return (
    <div className="predict-halves">
      <div className="predict-side">
        <PredictForm model={model} live={live} />
        <LastOnes model={model} chosen={id} />
      </div>
      <div className="predict-side">
        <AnswerCard model={model} live={live} id={id} made={made} record={record} />
        {record.data !== undefined && <FeaturesUsed record={record.data} signature={live.signature} />}
        {id !== null && <Raw model={model} made={made} record={record.data} />}
      </div>
    </div>
  );
}

function NotLive({ model }: { model: string }) {
  return (
    <EmptyView title="No version is live">
      <Text size="sm">Promote a version of <Anchor component={Link} to={`/models/${model}`}>{model}</Anchor>; the endpoint loads it within a second.</Text>
    </EmptyView>
  );
}

function NoEndpoint({ error }: { error: ApiError }) {
  if (error.problem?.code === "unknown_model") return <EmptyView title="The endpoint has no such model"><Text size="sm">{error.message}</Text></EmptyView>;
  return (
    <EmptyView title="No endpoint answers here">
      <Text size="sm">This server makes no predictions itself. Ask the process that does (<Code>daybreak serve</Code>) at its own address.</Text>
    </EmptyView>
  );
}

function LoadFailed({ failure: { version, reason, retried } }: { failure: Schema<"LoadFailed"> }) {
  return (
    <Alert color="orange" title={`Version ${version.version} should be live and is not`}>
      <Text size="sm">{reason}{retried ? " It is tried again." : " Promote another version, or train a new one."}</Text>
    </Alert>
  );
}
