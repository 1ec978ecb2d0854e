// How old something is against the age at which it may not be used any more (`ttl`), in business time: a small bar and words.
import { duration } from "../format/time";
import { span } from "../format/span";
import "./freshness.css";

interface Props {
  /** From when its age is counted. */
  from: string | null | undefined;
  /** None: any age. */
  ttlUs: number | null | undefined;
  /** Business time. */
  now: number | undefined;
}

export function Freshness({ from, ttlUs, now }: Props) {
  if (from == null || now === undefined) return <span className="muted">–</span>;
  // What is known ahead of its time has no age yet.
  const age = Math.max(0, now - new Date(from).getTime());
  if (ttlUs == null) return <span className="freshness"><span className="freshness-words">{duration(age)}, any age will do</span></span>;
  const share = Math.min(1, age / (ttlUs / 1_000));
  const tone = age > ttlUs / 1_000 ? "over" : share > 0.75 ? "near" : "well";
  return (
    <span className="freshness">
      <span className="freshness-words">{duration(age)} of {span(ttlUs)}</span>
      <span className="freshness-bar" aria-hidden><span className={`freshness-${tone}`} style={{ width: `${Math.max(3, share * 100)}%` }} /></span>
    </span>
  );
}
