// The keyboard's place in a form that cannot be sent as it is.
import { type RefObject, useEffect, useRef } from "react";
import { type FieldErrors, NO_ERRORS } from "../api/refusal";

/** Moves focus to the first field that is wrong: with each try to send the form, and when the server refuses it. */
export function useWrongField(tries: number, refused: FieldErrors): RefObject<HTMLFormElement | null> {
  const form = useRef<HTMLFormElement>(null);
  const go = () => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  useEffect(() => {
    if (tries > 0) go();
  }, [tries]);
  useEffect(() => {
    // That nothing is refused any more comes with the first letter that is typed.
    if (refused !== NO_ERRORS) go();
  }, [refused]);
  return form;
}
