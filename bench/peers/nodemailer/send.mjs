// Sends the bytes of a file again and again through nodemailer's pool:
// node send.mjs PORT COUNT CONNECTIONS FILE. Prints one line of JSON, as bench/src/task.rs reads it.
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const [port, count, connections, file] = process.argv.slice(2);
const raw = readFileSync(file);
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: Number(connections),
  maxMessages: Infinity,
});
const envelope = { from: "policy@lanchuan.example", to: ["lc00001@lanchuan.example"] };
const before = process.cpuUsage();
const start = process.hrtime.bigint();
let left = Number(count);
const sender = async () => {
  while (left-- > 0) await transport.sendMail({ envelope, raw });
};
await Promise.all(Array.from({ length: Number(connections) * 2 }, sender));
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const cpu = process.cpuUsage(before);
transport.close();
console.log(
  JSON.stringify({
    count: Number(count),
    seconds,
    cpu_seconds: (cpu.user + cpu.system) / 1e6,
    peak_mib: process.resourceUsage().maxRSS / 1024,
  }),
);
