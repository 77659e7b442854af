"""Debian's aws CLI. Its start takes most of a second, so that after the first command one process runs what /usr/bin/aws would, command by command.

Run as a program by Debian's Python, it is that process: a line of JSON in for each command's arguments, a line out with status, stdout and stderr.
"""
import contextlib, io, json, os, subprocess, sys

PYTHON, AWS = "/usr/bin/python3", "/usr/bin/aws"  # Debian's, whatever else is on the path


class AwsCli:
    def __init__(self, busd):
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BUS_", "PYTHON"))}
        self.env.update(AWS_SHARED_CREDENTIALS_FILE=os.path.join(busd.data, "credentials"), AWS_CONFIG_FILE=busd.path("none"), AWS_PAGER="", LC_ALL="C.UTF-8")
        self.flags = ["--endpoint-url", f"http://{busd.http}", "--output", "json"]
        self.dir, self.process = busd.dir, None

    def run_alone(self, *arguments):
        """(status, stdout, stderr) of a process of its own."""
        done = subprocess.run([AWS, *self.flags, *arguments], capture_output=True, text=True, timeout=120, env=self.env, cwd=self.dir)
        return done.returncode, done.stdout, done.stderr

    def run(self, *arguments):
        if not self.process:
            self.process = subprocess.Popen([PYTHON, os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.env, cwd=self.dir)
        self.process.stdin.write(json.dumps([*self.flags, *arguments]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the aws CLI ended at {arguments}")
        return json.loads(line)

    def presigned(self, method, service, operation):
        """A URL for a request with no body that botocore, which the CLI is made of, has signed."""
        program = ("import sys; from awscli.botocore.session import Session; print(Session().create_client(sys.argv[1], region_name='us-east-1', "
                   "endpoint_url=sys.argv[3]).generate_presigned_url(sys.argv[2], ExpiresIn=60, HttpMethod=sys.argv[4]))")
        done = subprocess.run([PYTHON, "-c", program, service, operation, self.flags[1], method], capture_output=True, text=True, timeout=120, env=self.env, cwd=self.dir)
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(30)
            self.process.stdout.close()


def main():
    from awscli.clidriver import create_clidriver
    driver = create_clidriver()
    for line in sys.stdin:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = driver.main(json.loads(line))
            except SystemExit as end:
                status = end.code
        print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)


if __name__ == "__main__":
    main()
