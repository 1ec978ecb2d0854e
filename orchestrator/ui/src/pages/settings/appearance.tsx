// Light, dark, or as the system says.
import { SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { Card } from "../../parts/page";

const SCHEMES = [{ value: "auto", label: "As the system" }, { value: "light", label: "Light" }, { value: "dark", label: "Dark" }] as const;

export function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Card title="Colours">
      <SegmentedControl aria-label="Colours" data={[...SCHEMES]} value={colorScheme} onChange={setColorScheme} />
    </Card>
  );
}
