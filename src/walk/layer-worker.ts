import { serveJobs } from "../core/serve-jobs.js";
import { readLayer } from "./read-layer.js";

serveJobs(readLayer);
