// The keyboard's place when a panel opens beside or below what it belongs to, and when it closes.
import { type RefObject, useEffect, useRef } from "react";

/**
 * For the page that shows a panel about something, by its name; none: there is no panel. Focus goes to the panel's heading when
 * another thing is chosen, not when the page comes with it. If it is lost with the panel, it goes back to where it came from.
 */
export function usePanelFocus(about: string | null): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(about);
  const from = useRef<Element | null>(null);
  useEffect(() => {
    if (before.current === about) return;
    if (before.current === null) from.current = document.activeElement;
    before.current = about;
    // What was clicked stays in sight; the next Tab brings the panel there.
    if (about !== null) heading.current?.focus({ preventScroll: true });
    else if (document.activeElement === document.body) {
      const back = from.current?.isConnected === true && from.current !== document.body ? from.current : document.getElementById("main");
      if (back instanceof HTMLElement || back instanceof SVGElement) back.focus({ preventScroll: true });
    }
  }, [about]);
  return heading;
}
