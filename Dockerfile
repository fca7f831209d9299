# Two images: the application (the last stage, which is the default), and nginx with the static files (target `front`).
# docker-compose.yml runs both with PostgreSQL and Redis.
# Linted by tests/unit/tools, and built with a container engine on stand-in base images (docs/how-to/deploy.md).
# tools/digests.sh pins the base images by digest.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NGINX_IMAGE=nginx:1.28-alpine

FROM ${PYTHON_IMAGE} AS install
WORKDIR /srv
COPY requirements-hashes.txt ./
# A file with another hash than the recorded one, or a package that is not listed, ends the build.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: --requirement requirements-hashes.txt
COPY tools tools
RUN mkdir -p app/static && /venv/bin/python tools/fetch.py --data-dir /fetched

# the static files, plain and compressed
FROM install AS static
COPY app/static app/static
RUN /venv/bin/python tools/compress.py app/static /packed

FROM ${NGINX_IMAGE} AS front
COPY nginx /etc/nginx
COPY --from=static /srv/app/static /srv/plain/static
COPY --from=static /packed /srv/gzip/static
EXPOSE 443 8000 8501
STOPSIGNAL SIGQUIT
ENTRYPOINT ["sh", "/etc/nginx/start.sh"]
CMD []

FROM ${PYTHON_IMAGE}
RUN useradd --system --create-home --uid 10001 eco
WORKDIR /srv
COPY --from=install /venv /venv
COPY . .
COPY --from=install /srv/app/static/vendor app/static/vendor
COPY --from=install --chown=eco:eco /fetched /data
USER 10001
ENV PATH=/venv/bin:$PATH DATA_DIR=/data ENVIRONMENT=production PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba \
    GUNICORN_CMD_ARGS="--bind=0.0.0.0:8080" HEALTH_PORT=8081
RUN ["python", "-m", "tools.coast"]
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/health/live', timeout=4)"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
