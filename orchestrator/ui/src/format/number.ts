// Numbers as texts.

/** `1,234`, `12.3 k`, `4.6 M`. */
export function count(value: number): string {
  if (value < 10_000) return value.toLocaleString("en");
  if (value < 1_000_000) return `${(value / 1_000).toFixed(1)} k`;
  return `${(value / 1_000_000).toFixed(1)} M`;
}

/** `512 B`, `12.3 KiB`, `4.0 MiB`. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  let rest = value;
  while (rest >= 1024 && place < units.length - 1) {
    rest /= 1024;
    place += 1;
  }
  return place === 0 ? `${value} B` : `${rest.toFixed(1)} ${units[place]}`;
}

/** A metric: four significant digits. */
export function metric(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : Number(value.toPrecision(4)).toString();
}
