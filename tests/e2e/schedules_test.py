"""Schedules of a real daemon: in time, once, over restarts and kills. Nothing waits for a whole minute: between two lives of the daemon the stored
time of the last firing is set back, as if that minute had passed."""
import calendar, json, os, sqlite3, time, unittest
from contextlib import closing

from daemon import Busd, eventually

QUEUE = "arn:aws:sqs:us-east-1:000000000000:ticks"


class Schedules(unittest.TestCase):
    def daemon(self, settings=""):
        busd = Busd()
        self.addCleanup(busd.close)
        busd.flags += ["--config", busd.write("busd.yaml", settings or "hop-limit: 1\n")]
        busd.start()
        busd.busctl("create-queue", "--queue-name", "ticks")
        busd.busctl("create-event-bus", "--name", "orders")
        busd.busctl("put-rule", "--name", "tick", "--event-bus-name", "orders", "--schedule-expression", "rate(1 minute)")
        busd.busctl("put-targets", "--rule", "tick", "--event-bus-name", "orders", "--targets", f"Id=1,Arn={QUEUE}")
        busd.busctl("put-rule", "--name", "off", "--schedule-expression", "rate(1 minute)", "--state", "DISABLED")
        busd.busctl("put-targets", "--rule", "off", "--targets", f"Id=1,Arn={QUEUE}")
        return busd

    def record(self, busd, last_ms=None):
        """Reads, or sets, when the rule fired last."""
        with closing(sqlite3.connect(os.path.join(busd.data, "bus.db"))) as db:
            row = db.execute("select key, value from catalog where kind = ?", (b"schedule",)).fetchall()
            if not row:
                return None
            self.assertEqual(len(row), 1)
            record = json.loads(row[0][1])
            if last_ms is not None:
                record["last"] = last_ms
                db.execute("update catalog set value = ? where kind = ?", (json.dumps(record).encode(), b"schedule"))
                db.commit()
        return record["last"]

    def ticks(self, busd):
        return [json.loads(m["Body"]) for m in busd.drain_queue("ticks", None)]

    def test_a_firing_is_in_time_and_once_even_over_a_kill(self):
        busd = self.daemon()
        eventually(lambda: self.record(busd), "the first look at the rule")
        self.assertEqual(busd.stop(), 0)
        due = int(time.time() * 1000) + 4000
        self.record(busd, due - 60000)
        busd.start()
        eventually(lambda: busd.queue_size("ticks", None), "the firing")
        late_ms = int(time.time() * 1000) - due
        self.assertTrue(0 <= late_ms < 1000, f"{late_ms} ms late")
        busd.kill()
        busd.start()
        events = self.ticks(busd)
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0]["resources"], ["arn:aws:events:us-east-1:000000000000:rule/orders/tick"])
        self.assertEqual(calendar.timegm(time.strptime(events[0]["time"], "%Y-%m-%dT%H:%M:%SZ")), due // 1000)
        self.assertEqual(self.record(busd), due)

    def test_missed_firings_are_caught_up_once_or_skipped(self):
        for catch_up in (1, 0):
            busd = self.daemon(f"schedule-catch-up: {catch_up}\n")
            eventually(lambda: self.record(busd), "the first look at the rule")
            busd.kill()
            last = int(time.time() * 1000) - 3600_000 - 1000
            self.record(busd, last)
            busd.start()
            eventually(lambda: busd.counters()["SchedulesMissed"], "the look at what was missed")
            events = self.ticks(busd)
            self.assertEqual(len(events), catch_up)
            self.assertEqual(self.record(busd), last + 3600_000)
            if catch_up:
                self.assertEqual(calendar.timegm(time.strptime(events[0]["time"], "%Y-%m-%dT%H:%M:%SZ")), (last + 3600_000) // 1000)
            busd.stop()


if __name__ == "__main__":
    unittest.main()
