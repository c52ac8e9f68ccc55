"""A mail server that keeps nothing: says where it listens, then each mail as a line of JSON.
mailbox.py [--tls|--starttls CERT KEY] [--login USER PASSWORD] [--answer LINE]..."""
import argparse
import asyncio
import email.policy
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

options = argparse.ArgumentParser()
options.add_argument("--tls", nargs=2)
options.add_argument("--starttls", nargs=2)
options.add_argument("--login", nargs=2)
options.add_argument("--answer", action="append", default=[], help="instead of taking a mail")
options = options.parse_args()


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: (found := mail.get_body((kind,))) and found.get_content()
        answer = options.answer.pop(0) if options.answer else "250 kept"
        print(json.dumps({
            "answer": answer,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name.lower(), str(value)] for name, value in mail.items()],
            "longest": max(map(len, envelope.content.split(b"\r\n"))),
            "ascii": envelope.content.split(b"\r\n\r\n")[0].isascii(),
            "secret": server.transport.get_extra_info("ssl_object") is not None,
            "login": session.authenticated,
            "plain": part("plain"),
            "html": part("html"),
        }), flush=True)
        return answer


def login(server, session, envelope, mechanism, data):
    given = [data.login.decode(), data.password.decode()]
    return AuthResult(success=given == options.login, handled=False)


def context(papers):
    if papers is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*papers)
    return context


async def main():
    loop = asyncio.get_running_loop()
    starttls = context(options.starttls)
    serve = lambda: SMTP(
        Mailbox(), hostname="mail.example.com", loop=loop, tls_context=starttls,
        require_starttls=starttls is not None, authenticator=login,
        auth_required=options.login is not None, auth_require_tls=starttls is not None)
    server = await loop.create_server(serve, "127.0.0.1", 0, ssl=context(options.tls))
    print(f"listening on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
