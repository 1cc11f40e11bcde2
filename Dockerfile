# One image for every role: `vidijob serve` by default, `vidijob worker`, `vidijob migrate` and so on by argument.
#
#   docker build -t vidijob .
#   docker run -p 8080:8080 -v vidijob:/data vidijob                                    (with a Postgres of its own)
#   docker run -e VIDIJOB_DATABASE_URL=postgresql://user:password@db/vidijob … vidijob migrate
#   docker run -p 8080:8080 -e VIDIJOB_DATABASE_URL=… -v media:/data/storage vidijob

FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml README.md ./
COPY vidijob ./vidijob
COPY sql ./sql
COPY schemas ./schemas
RUN python -m venv /opt/vidijob && /opt/vidijob/bin/pip install --no-cache-dir '.[all]'

FROM python:3.13-slim
# Debian's ffmpeg has more codecs than the wheel's; vidijob prefers the one on PATH.
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 vidijob && install -d -o vidijob -g vidijob /data
COPY --from=build /opt/vidijob /opt/vidijob
ENV PATH=/opt/vidijob/bin:$PATH VIDIJOB_DATA_DIR=/data VIDIJOB_HOST=0.0.0.0
USER vidijob
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/ready', timeout=4)"]
ENTRYPOINT ["vidijob"]
CMD ["serve"]
