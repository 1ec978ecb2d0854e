// A text in one width that a click copies: ids, hashes, tokens.
import { CopyButton, Tooltip, UnstyledButton } from "@mantine/core";

export function Copied({ text, shown }: { text: string; shown?: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : text}>
          <UnstyledButton className="mono" onClick={copy} aria-label={`Copy ${text}`}>{shown ?? text}</UnstyledButton>
        </Tooltip>
      )}
    </CopyButton>
  );
}
