# syntax=docker/dockerfile:1
# One image for every role: `docker run … chrysalis proxy --config /etc/chrysalis/proxy.yaml`.
# scripts/dockerfile-steps runs the same steps in an empty folder where there is no Docker engine.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts ./scripts
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts ./scripts
RUN npm ci --omit=dev

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY bin ./bin
COPY models ./models
COPY config ./config
RUN install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 8080
# Both the proxy and the worker answer /healthz; a worker's image sets the URL of its own port.
ENV CHRYSALIS_HEALTH_URL=http://127.0.0.1:8080/healthz
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.CHRYSALIS_HEALTH_URL).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/chrysalis.js"]
CMD ["proxy", "--config", "/etc/chrysalis/proxy.yaml"]
