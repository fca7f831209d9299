#!/bin/sh
# Write a stand-in of python:3.11-slim-bookworm as a tar file: `sh python.sh FOLDER`. Debian 12 with its own Python, as root.
set -eu
folder=$1
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$folder/root"
cd "$folder/root"
ln -sf python3 usr/bin/python
# As on this machine: a build has to trust the same package registry.
rm -rf etc/ssl/certs
cp -rL /etc/ssl/certs etc/ssl/certs
# documents and translations, which the official image has not either
rm -rf usr/share/doc/* usr/share/man/* usr/share/locale/* var/cache/apt/* var/lib/apt/lists/*
tar -c -f "$folder/root.tar" .
rm -rf "$folder/root"
