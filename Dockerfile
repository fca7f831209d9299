# Images: `web` (pages and API), `worker` (jobs; the same files), `setup` (the same files and the demo data), `front` (nginx
# with the static files).
# docker-compose.yml runs them with PostgreSQL and Redis.
# Linted by tests/unit/tools, and built with a container engine on stand-in base images (docs/how-to/deploy.md).
# tools/digests.sh pins the base images by digest.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NGINX_IMAGE=nginx:1.28-alpine

FROM ${PYTHON_IMAGE} AS install
WORKDIR /srv
COPY requirements-hashes.txt ./
# A file with another hash than the recorded one, or a package that is not listed, ends the build.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary=:all: \
        --requirement requirements-hashes.txt

# demo data, and front-end files
FROM install AS fetched
COPY tools/fetch.py tools/fetched.toml tools/compress.py tools/
RUN mkdir -p app/static && /venv/bin/python tools/fetch.py --data-dir /fetched

# the static files, plain and compressed
FROM fetched AS static
COPY app/static app/static
RUN /venv/bin/python tools/compress.py app/static /packed

# The packages without what the service never opens; binutils has `strip`.
FROM install AS slim
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
COPY tools/slim.py tools/slim.py
RUN python tools/slim.py /venv

# Compiles what the service imports, and fails where something is missing that it needs.
FROM slim AS checked
COPY . .
RUN /venv/bin/python tools/slim.py --compile && /venv/bin/python tools/slim.py --check

FROM ${NGINX_IMAGE} AS front
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="EcoPredict front" \
    org.opencontainers.image.description="nginx with the static files of EcoPredict" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY nginx /etc/nginx
COPY --from=static /srv/app/static /srv/plain/static
COPY --from=static /packed /srv/gzip/static
EXPOSE 443 8000 8501
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=5s --retries=3 \
    CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8501/health/live"]
ENTRYPOINT ["sh", "/etc/nginx/start.sh"]
CMD []

FROM ${PYTHON_IMAGE} AS application
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="EcoPredict" \
    org.opencontainers.image.description="Species distribution models: pages, JSON API and jobs" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# fixed numbers: files of a volume keep their owner when the image is built again
RUN groupadd --gid 10001 eco && useradd --uid 10001 --gid 10001 --create-home eco \
    # a new volume there takes over the owner
    && install --directory --owner=eco --group=eco /data
WORKDIR /srv
COPY --from=checked /venv /venv
COPY --from=checked /srv /srv
COPY --from=fetched /srv/app/static/vendor app/static/vendor
USER 10001:10001
ENV PATH=/venv/bin:$PATH DATA_DIR=/data ENVIRONMENT=production PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba

FROM application AS worker
# It listens on no port. It holds a lock file that has the name of its container, until it ends.
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s --retries=3 \
    CMD ["sh", "-c", "ls /data/jobs/workers/$(hostname)-*.lock"]
CMD ["flask", "--app", "wsgi", "jobs", "work"]

FROM application AS setup
# What serves and trains reads the demo data from the volume, so that only this image has a copy.
COPY --from=fetched --chown=10001:10001 /fetched /demo
RUN ["python", "-m", "tools.coast", "--data-dir", "/demo"]
CMD ["python", "-m", "tools.fill", "/demo", "/data"]

FROM application AS web
ENV GUNICORN_CMD_ARGS="--bind=0.0.0.0:8080" HEALTH_PORT=8081
EXPOSE 8080
# bash opens the connection itself, so that a check costs milliseconds and can come every two seconds: what waits for this
# container starts as soon as it answers. A new Python process would take as long as the start of the server.
HEALTHCHECK --interval=2s --timeout=5s --start-period=120s --retries=5 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /health/live HTTP/1.0\\r\\n\\r\\n' >&3 && read -r answer <&3 && [[ $answer == *' 200 '* ]]"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
