"""Runs DingTalk's official Python Stream client against a sandbox and says what arrives.

Usage: DINGTALK_OPENAPI_ENDPOINT=http://HOST:PORT official_stream.py CLIENT_ID CLIENT_SECRET
Each arrival is one line: "bot TEXT", "card ACTION USERID", "event TYPE". The client replies to messages, answers clicks
with a changed card, and stays until it is killed. Its wait of ten seconds after a lost connection is cut short.
"""
import asyncio
import json
import logging
import sys

import dingtalk_stream
from dingtalk_stream import AckMessage
import dingtalk_stream.stream as stream_module

client_id, client_secret = sys.argv[1:3]


class Impatient:
    """The asyncio module with shorter waits before a reconnect."""

    def __getattr__(self, name):
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(seconds):
        await asyncio.sleep(0.1 if seconds in (3, 10) else seconds)


stream_module.asyncio = Impatient()


def say(*words):
    print(*words, flush=True)


class Bot(dingtalk_stream.ChatbotHandler):
    async def process(self, callback):
        message = dingtalk_stream.ChatbotMessage.from_dict(callback.data)
        text = message.text.content.strip()
        assert message.sender_staff_id and message.robot_code == client_id, callback.data
        say("bot", text)
        answered = self.reply_text(f"收到：{text}", message)
        assert answered["errcode"] == 0, answered
        return AckMessage.STATUS_OK, "OK"


class Card(dingtalk_stream.CallbackHandler):
    async def process(self, callback):
        click = dingtalk_stream.CardCallbackMessage.from_dict(callback.data)
        private = click.content["cardPrivateData"]
        say("card", private["actionIds"][0], click.user_id)
        assert click.card_instance_id == "policy-1", callback.data
        return AckMessage.STATUS_OK, {
            "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
            "cardData": {"cardParamMap": {"tag": "1 人已确认"}},
            "userPrivateData": {"cardParamMap": {"confirmed": "true"}},
        }


class Event(dingtalk_stream.EventHandler):
    async def process(self, event):
        say("event", event.headers.event_type, json.dumps(event.data))
        return AckMessage.STATUS_OK, "OK"


logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
credential = dingtalk_stream.Credential(client_id, client_secret)
client = dingtalk_stream.DingTalkStreamClient(credential)
client.register_all_event_handler(Event())
client.register_callback_handler(dingtalk_stream.ChatbotMessage.TOPIC, Bot())
client.register_callback_handler(dingtalk_stream.CallbackHandler.TOPIC_CARD_CALLBACK, Card())
client.start_forever()
