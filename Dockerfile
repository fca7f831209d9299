# The application alone; docker-compose.yml puts it behind nginx beside PostgreSQL and Redis.
# Linted by tests/unit/tools; never built where this was written, which has no container engine.
FROM python:3.11-slim-bookworm AS install
WORKDIR /srv
COPY requirements.txt ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --requirement requirements.txt
COPY tools tools
RUN mkdir -p app/static && /venv/bin/python tools/fetch.py --data-dir /fetched

FROM python:3.11-slim-bookworm
RUN useradd --system --create-home --uid 10001 eco
WORKDIR /srv
COPY --from=install /venv /venv
COPY . .
COPY --from=install /srv/app/static/vendor app/static/vendor
COPY --from=install --chown=eco:eco /fetched /data
USER 10001
ENV PATH=/venv/bin:$PATH DATA_DIR=/data ENVIRONMENT=production PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba \
    GUNICORN_CMD_ARGS="--bind=0.0.0.0:8000"
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
