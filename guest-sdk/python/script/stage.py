"""Runs the scripts of pipeline files: `script = "…"` with `language = "python"`. Built once, into the user's cache."""

# What a script may import: everything else is on no disk that it can reach.
import base64
import binascii
import bisect
import calendar
import collections
import csv
import dataclasses
import datetime
import decimal
import difflib
import enum
import fractions
import functools
import hashlib
import heapq
import hmac
import html
import io
import ipaddress
import itertools
import json
import math
import operator
import re
import statistics
import string
import struct
import textwrap
import typing
import unicodedata
import urllib.parse
import zlib

from sandmill import _script

_script.declare()
