// Composes a mail of a file's size again and again and sends it through nodemailer's pool:
// node send.mjs PORT COUNT CONNECTIONS FILE. Prints one line of JSON, as bench/src/task.rs reads it.
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const [port, count, connections, file] = process.argv.slice(2);
const size = readFileSync(file).length;
// A quarter text, the rest HTML, as in the mail it is compared with.
const text = "您有一份新的制度需要阅读并确认。\n".repeat(size / 4 / 50);
const html = `<html><body>${"<p>您有一份新的制度需要阅读并确认。</p>\n".repeat((size * 3) / 4 / 57)}</body></html>`;
const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: Number(connections),
  maxMessages: Infinity,
});
const mail = {
  from: "阅知 <policy@lanchuan.example>",
  to: "lc00001@lanchuan.example",
  subject: "【制度更新】第1号管理办法",
  text,
  html,
};
const before = process.cpuUsage();
const start = process.hrtime.bigint();
let left = Number(count);
const sender = async () => {
  while (left-- > 0) await transport.sendMail(mail);
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
