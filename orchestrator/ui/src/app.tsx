// The application: what everything stands in, and which page is at which address. To add a page: a folder in `pages/`, a line
// in `ROUTES`, and a line in `shell/navigation.tsx` if it is to be found there.
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { createBrowserRouter, type RouteObject, RouterProvider } from "react-router";
import { LiveUpdates } from "./api/live";
import { queryClient } from "./api/queries";
import { Signed } from "./api/session";
import { ErrorView } from "./parts/error-view";
import { Shell } from "./shell/shell";
import { SignInPage } from "./shell/sign-in";
import { Opening } from "./shell/opening";
import { NotFound, PageDidNotCome, RouteFailed } from "./shell/route-failed";
import { theme } from "./theme";

type Page = () => Promise<{ default: React.ComponentType }>;

const ROUTES: Record<string, Page> = {
  "/": () => import("./pages/home"),
  "/dags": () => import("./pages/dags"),
  "/dags/:dag": () => import("./pages/dag"),
  "/runs": () => import("./pages/runs"),
  "/runs/:run": () => import("./pages/run"),
  "/backfills": () => import("./pages/backfills"),
  "/backfills/:backfill": () => import("./pages/backfill"),
  "/features": () => import("./pages/features"),
  "/features/:view": () => import("./pages/feature-view"),
  "/models": () => import("./pages/models"),
  "/models/:model": () => import("./pages/model"),
  "/predict": () => import("./pages/predict"),
  "/predict/:model": () => import("./pages/predict"),
  "/schedules": () => import("./pages/schedules"),
  "/workers": () => import("./pages/workers"),
  "/project": () => import("./pages/project"),
  "/audit": () => import("./pages/audit"),
  "/settings": () => import("./pages/settings"),
};

const children: RouteObject[] = Object.entries(ROUTES).map(([path, page]) => ({
  path,
  lazy: async () => ({ Component: await page().then((module) => module.default, () => PageDidNotCome) }),
  errorElement: <RouteFailed />,
}));
children.push({ path: "*", element: <NotFound /> });

const router = createBrowserRouter([{ element: <Shell />, errorElement: <RouteFailed />, children, hydrateFallbackElement: <Opening /> }]);

/** The server writes a fresh one into each page, for the styles that components add. */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
// What keeps the page behind a dialog from scrolling adds a style too.
setNonce(nonce);

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Notifications position="bottom-right" />
      <QueryClientProvider client={queryClient}>
        <Signed
          waiting={<Opening />}
          asks={(signIn) => <SignInPage {...signIn} />}
          fails={(error, again) => <ErrorView error={error} again={again} />}
        >
          <LiveUpdates>
            <RouterProvider router={router} />
          </LiveUpdates>
        </Signed>
      </QueryClientProvider>
    </MantineProvider>
  );
}
