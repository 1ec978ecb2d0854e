// How the bundle is made: hashed files in `assets/`, nothing inline (the server's content security policy allows none), one
// chunk per page, so that the first page loads little. `DAYBREAK_UI_OUT` says where it goes; the server's build script sets it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const server = process.env["DAYBREAK_SERVER"] ?? "http://127.0.0.1:4321";

/** Puts beside each file what it is with gzip: the server has no need to pack it at each request. */
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    writeBundle({ dir = "dist" }, files) {
      for (const name of Object.keys(files).filter((name) => /\.(js|css|svg)$/.test(name))) {
        const path = join(dir, name);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), packed()],
  build: {
    outDir: process.env["DAYBREAK_UI_OUT"] ?? "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: { proxy: { "/api": server, "/v1": server } },
});
