import { serveJobs } from "../core/serve-jobs.js";
import { hash } from "./hash-job.js";

serveJobs(hash);
