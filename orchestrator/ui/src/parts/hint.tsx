// What is said of something when it is pointed at. A long list has hundreds of such things: nothing of it is made, and its
// words are not put together, before one is. To use it: `{...on}` on the element, and `hint` beside it.
import { Tooltip } from "@mantine/core";
import { type FocusEvent, type PointerEvent, type ReactNode, useState } from "react";

interface Hint {
  on: {
    onPointerEnter: (event: PointerEvent<HTMLElement>) => void;
    onPointerLeave: () => void;
    onFocus: (event: FocusEvent<HTMLElement>) => void;
    onBlur: () => void;
  };
  hint: ReactNode;
}

/** `label` is asked once the element (one of those that have `on`) is pointed at, or has the keyboard. */
export function useHint(label: (element: HTMLElement) => ReactNode): Hint {
  const [target, setTarget] = useState<HTMLElement | null>(null);
  const hide = () => setTarget(null);
  return {
    on: {
      onPointerEnter: (event) => setTarget(event.currentTarget),
      onPointerLeave: hide,
      onFocus: (event) => setTarget(event.currentTarget),
      onBlur: hide,
    },
    hint: target === null ? null : <Tooltip target={target} label={label(target)} opened />,
  };
}
