// A browser, as far as Web Push can tell: prints its subscription's keys, then opens each message
// that comes as a line of base64 on its standard input, and checks each signature that stands
// beside it.
import { createECDH, createPublicKey, randomBytes, verify } from 'node:crypto'
import { createInterface } from 'node:readline'
import ece from 'http_ece'

const keys = createECDH('prime256v1')
const auth = randomBytes(16)
console.log(JSON.stringify({
  p256dh: keys.generateKeys('base64url'),
  auth: auth.toString('base64url')
}))

/** The claims of a VAPID signature that holds. */
const claims = (authorization) => {
  const [, token, key] = /^vapid t=([^,]+), k=(.+)$/.exec(authorization)
  const [head, body, signature] = token.split('.')
  const point = Buffer.from(key, 'base64url')
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url')
  }
  const good = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url')
  )
  if (!good) throw new Error('the signature does not hold')
  return JSON.parse(Buffer.from(body, 'base64url').toString())
}

for await (const line of createInterface({ input: process.stdin })) {
  const [sealed, authorization] = line.split('\t')
  const opened = ece.decrypt(Buffer.from(sealed, 'base64'), {
    version: 'aes128gcm',
    privateKey: keys,
    authSecret: auth.toString('base64url')
  })
  console.log(JSON.stringify({
    message: JSON.parse(opened.toString()),
    claims: claims(authorization)
  }))
}
