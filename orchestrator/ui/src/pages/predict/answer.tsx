// The answer: the decision, how sure it is, which version gave it and how long it took.
import { Anchor, Skeleton, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "react-router";
import { ApiError } from "../../api/client";
import type { Schema } from "../../api/types";
import { metric } from "../../format/number";
import { duration } from "../../format/time";
import { Copied } from "../../parts/copied";
import { EmptyView } from "../../parts/empty-view";
import { ErrorView } from "../../parts/error-view";
import { Facts } from "../../parts/facts";
import { Card } from "../../parts/page";
import { Time } from "../../parts/time";
import type { Made, PredictionRecord } from "./use-predict";

interface Props {
  model: string;
  live: Schema<"LiveVersion">;
  id: string | null;
  made: Made | undefined;
  record: UseQueryResult<PredictionRecord>;
}

export function AnswerCard({ model, live, id, made, record }: Props) {
  const answer = made?.answer ?? record.data;
  if (id === null) {
    return (
      <Card title="Answer">
        <EmptyView title="Nothing asked yet"><Text size="sm">Version {live.version.version} of {model} answers, live since <Time at={live.loaded_at} />.</Text></EmptyView>
      </Card>
    );
  }
  if (answer === undefined && record.error instanceof ApiError && record.error.status === 404) {
    return <Card title="Answer"><EmptyView title="This prediction is not kept any more"><Text size="sm">{record.error.message}</Text></EmptyView></Card>;
  }
  if (answer === undefined && record.error !== null) return <Card title="Answer"><ErrorView error={record.error} again={() => void record.refetch()} /></Card>;
  if (answer === undefined) return <Card title="Answer"><Skeleton height={140} role="status" aria-label="Loading" /></Card>;
  return (
    <Card title="Answer">
      <Outcome prediction={answer.prediction} probability={answer.probability} />
      <Facts facts={[
        ["Model version", <Anchor component={Link} to={`/models/${model}?version=${answer.model_version}`} size="sm">{model} v{answer.model_version}</Anchor>],
        record.data === undefined ? null : ["Trained by", <Anchor component={Link} to={`/runs/${record.data.run_id}`} size="sm">its run</Anchor>],
        made === undefined ? null : ["Took", duration(made.tookMs)],
        record.data === undefined ? null : ["Made", <Time at={record.data.made_at} seconds />],
        record.data === undefined ? null : ["Features read at", <Time at={record.data.business_time} />],
        ["Prediction", <Copied text={answer.prediction_id} />],
      ]} />
    </Card>
  );
}

function Outcome({ prediction, probability }: { prediction: boolean | number; probability: number | null | undefined }) {
  if (typeof prediction === "number") return <div className="outcome"><span className="outcome-word">{metric(prediction)}</span></div>;
  return (
    <div className="outcome" role="status">
      <span className="outcome-word">{prediction ? "true" : "false"}</span>
      {probability != null && (
        <div className="outcome-probability">
          <div className="outcome-bar" aria-hidden>
            <span style={{ width: `${probability * 100}%` }} />
            <i title="One half: from here on the answer is true" />
          </div>
          <Text size="sm">probability <b title={String(probability)}>{(probability * 100).toFixed(1)} %</b></Text>
        </div>
      )}
    </div>
  );
}
