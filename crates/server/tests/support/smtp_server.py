"""A real SMTP server for the stories: keeps every mail as a line of JSON, refuses as told.

Usage: smtp_server.py FOLDER [DELAY_SECONDS]. Prints its port, then serves until its standard input ends.
FOLDER/mails.jsonl gets {"from", "to", "data"} (data: base64) before the mail is accepted.
FOLDER/faults.json holds [{"to": address or "*", "reply": "450 4.2.1 busy", "times": n or null}], read at every RCPT;
a fault with "stage": "data" answers after the mail came instead.
"""

import asyncio
import base64
import json
import os
import sys

from aiosmtpd.smtp import SMTP


class Keeper:
    def __init__(self, folder, delay):
        self.folder, self.delay, self.struck = folder, delay, {}

    def fault(self, stage, address):
        try:
            with open(os.path.join(self.folder, "faults.json"), encoding="utf-8") as file:
                faults = json.load(file)
        except FileNotFoundError:
            return None
        for fault in faults:
            if fault.get("stage", "rcpt") != stage or fault["to"] not in ("*", address):
                continue
            key = json.dumps(fault, sort_keys=True)
            struck = self.struck.get(key, 0)
            if fault.get("times") is None or struck < fault["times"]:
                self.struck[key] = struck + 1
                return fault["reply"]
        return None

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        reply = self.fault("rcpt", address)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.delay:
            await asyncio.sleep(self.delay)
        for address in envelope.rcpt_tos:
            reply = self.fault("data", address)
            if reply:
                return reply
        with open(os.path.join(self.folder, "mails.jsonl"), "a", encoding="utf-8") as file:
            for address in envelope.rcpt_tos:
                data = base64.b64encode(envelope.original_content).decode()
                file.write(json.dumps({"from": envelope.mail_from, "to": address, "data": data}) + "\n")
        return "250 2.0.0 OK queued"


async def main():
    folder, delay = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    keeper = Keeper(folder, delay)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(keeper, enable_SMTPUTF8=True, hostname="relay.test"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
