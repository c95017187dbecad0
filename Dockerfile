# Sillon without its database: it serves on the PostGIS of SILLON_DATABASE_URL.
# `sillon up`, which runs a database of its own, is for machines, not containers.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-X main.version=$VERSION" -o /sillon ./cmd/sillon

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --shell /usr/sbin/nologin sillon
COPY --from=build /sillon /usr/local/bin/sillon
USER sillon
ENV SILLON_LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["sillon"]
CMD ["serve"]
