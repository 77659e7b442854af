"""Signs requests with AWS Signature Version 4, from its description, with Python's hmac alone."""
import configparser, datetime, hashlib, hmac, os, urllib.parse


def keys_of(path, profile="default"):
    config = configparser.ConfigParser()
    config.read(path)
    return config[profile]["aws_access_key_id"], config[profile]["aws_secret_access_key"]


def signature(secret, stamp, region, service, canonical):
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def stamp_of(seconds=0):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%SZ")


def signed(keys, host, body, target="AWSEvents.PutEvents", path="/", method="POST", region="us-east-1", service="events", skew=0, more=(), payload=None):
    """The headers of a request, as a list of pairs."""
    stamp = stamp_of(skew)
    headers = [("host", host), ("x-amz-date", stamp), *more]
    if target:
        headers += [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)]
    headers.sort()
    names = ";".join(name for name, _ in headers)
    canonical = "\n".join([method, urllib.parse.quote(path), "", "".join(f"{n}:{v}\n" for n, v in headers), names,
                           payload or hashlib.sha256(body).hexdigest()])
    return headers + [("authorization", f"AWS4-HMAC-SHA256 Credential={keys[0]}/{stamp[:8]}/{region}/{service}/aws4_request, SignedHeaders={names}, "
                                        f"Signature={signature(keys[1], stamp, region, service, canonical)}")]


def presigned(keys, host, parameters, path="/", region="us-east-1", service="sts", expires=60, skew=0, body=b""):
    """The path and query of a presigned GET."""
    stamp = stamp_of(skew)
    query = dict(parameters, **{"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{keys[0]}/{stamp[:8]}/{region}/{service}/aws4_request",
                                "X-Amz-Date": stamp, "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": "host"})
    text = "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for k, v in sorted(query.items()))
    canonical = "\n".join(["GET", path, text, f"host:{host}\n", "host", hashlib.sha256(body).hexdigest()])
    return f"{path}?{text}&X-Amz-Signature={signature(keys[1], stamp, region, service, canonical)}"
