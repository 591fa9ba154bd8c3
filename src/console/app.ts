/** The operator's web page: served by the proxy, readable without any script. */
import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { secureHeaders } from 'hono/secure-headers'
import type { ConsoleAccess } from './access.ts'
import { loginPage, type Status, statusPage } from './pages.ts'
import { style } from './style.ts'

export interface ConsoleOptions {
  readonly access: ConsoleAccess
  /** The state to show, gathered when somebody asks. */
  readonly status: () => Promise<Status> | Status
}

const cookie = 'chrysalis-console'

/** The console as an app to mount at `/console`. */
export function createConsole({ access, status }: ConsoleOptions): Hono {
  const app = new Hono()
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], styleSrc: ["'self'"], formAction: ["'self'"], frameAncestors: ["'none'"] },
      referrerPolicy: 'no-referrer',
    }),
  )
  app.use(async (c, next) => {
    await next()
    c.header('cache-control', 'no-store')
  })

  app.get('/style.css', c => c.body(style, 200, { 'content-type': 'text/css; charset=utf-8' }))

  app.post('/tokens', c => {
    const key = /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
    return key !== undefined && access.isOperator(key)
      ? c.json({ token: access.mintToken() }, 201)
      : c.json({ error: 'the operator key is wrong' }, 401)
  })

  app.post('/login', async c => {
    const form = await c.req.formData().catch(() => new FormData())
    const key = form.get('key')
    if (typeof key !== 'string' || !access.isOperator(key)) return c.html(loginPage('That is not the operator key.'), 401)
    enter(c, access.openSession())
    return c.redirect('/console', 303)
  })

  app.get('/', async c => {
    const token = c.req.query('token')
    if (token !== undefined) {
      const session = access.redeem(token)
      if (session === undefined) return c.html(loginPage('This link was used already or is too old.'), 401)
      enter(c, session)
      return c.redirect('/console', 303)
    }
    if (!access.isSession(getCookie(c, cookie))) return c.html(loginPage(), 401)
    return c.html(statusPage(await status()))
  })
  return app
}

function enter(c: Parameters<typeof setCookie>[0], session: string): void {
  const secure = new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https'
  setCookie(c, cookie, session, { path: '/console', httpOnly: true, sameSite: 'Lax', secure, maxAge: 12 * 3600 })
}
