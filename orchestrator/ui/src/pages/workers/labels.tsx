// What a worker has, or what a queue's tasks ask for.
export function Labels({ labels }: { labels: Record<string, string> }) {
  const entries = Object.entries(labels);
  if (entries.length === 0) return null;
  return (
    <div className="labels">
      {entries.map(([name, value]) => <span key={name} className="label mono" title={`${name}=${value}`}>{name}={value}</span>)}
    </div>
  );
}
