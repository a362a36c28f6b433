import { defineConfig } from "vitest/config";

const conditions = ["@nodemanager/source", "module", "node", "import", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["{packages,apps,tools}/*/test/**/*.test.ts"],
    // Real processes and sockets on slow machines; a test that needs longer says so.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    restoreMocks: true,
    pool: "forks",
    // Most of them wait for processes and disks: a core that is kept free for the runner would do nothing.
    maxWorkers: "100%",
  },
});
