"""A mail server that keeps nothing: says where it listens, then each mail as a line of JSON.
mailbox.py [CERT KEY]: with them it speaks TLS from the start."""
import asyncio
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: (found := mail.get_body((kind,))) and found.get_content()
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name.lower(), str(value)] for name, value in mail.items()],
            "plain": part("plain"),
            "html": part("html"),
        }), flush=True)
        return "250 kept"


context = None
if len(sys.argv) > 2:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1], sys.argv[2])


async def main():
    loop = asyncio.get_running_loop()
    serve = lambda: SMTP(Mailbox(), hostname="mail.example.com", loop=loop)
    server = await loop.create_server(serve, "127.0.0.1", 0, ssl=context)
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
