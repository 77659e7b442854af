# The tree is the data flow (README.md); this file makes its walls physical: each layer is an archive that compiles with only the
# include directories it may see, and links only the archives below it.
#
#   make demo    install what is missing, build, run the cross-account demo
#   make test    the same build, then all tests (unit, contract, cases, e2e, crash, sanitizers, corpora)
#   make help    everything else

SHELL := /bin/bash
BUILD ?= build
CC ?= gcc
MODE ?= release

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wno-missing-field-initializers -Werror
HARD := -fstack-protector-strong -fPIE -fno-strict-aliasing
OPT_release := -O2 -D_FORTIFY_SOURCE=2 -g
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Wno-error
OPT_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
OPT := $(OPT_$(MODE))
OUT := $(BUILD)/$(MODE)
CFLAGS_ALL := -std=c17 -D_GNU_SOURCE -pthread $(WARN) $(HARD) $(OPT) $(CFLAGS)
LDFLAGS_ALL := -pie -pthread -Wl,-z,relro,-z,now $(filter -fsanitize%,$(OPT)) $(LDFLAGS)

# ---- layers: sources, what they may see (-iquote), what they stand on (archives, in link order), system libraries -------------
LAYERS := base model rules policy store targets libbus flow api gate busctl

SRC_base    := $(wildcard bus/base/*.c)
SRC_model   := $(wildcard bus/api/model/*.c) $(wildcard targets/*/model.c)
SRC_rules   := $(wildcard rules/*.c)
SRC_policy  := $(wildcard policy/*.c)
SRC_store   := $(wildcard bus/store/*.c)
SRC_targets := $(wildcard targets/*.c) $(filter-out %/model.c,$(wildcard targets/*/*.c))
SRC_libbus  := $(wildcard bus/libbus/*.c)
SRC_flow    := $(wildcard bus/flow/*.c)
SRC_api     := $(wildcard bus/api/*.c)
SRC_gate    := $(wildcard bus/gate/*.c)
SRC_busctl  := $(filter-out %/main.c,$(wildcard bus/busctl/*.c))

SEES_base    := bus/base
SEES_model   := bus/api/model targets bus/base
SEES_rules   := rules bus/base
SEES_policy  := policy bus/base
SEES_store   := bus/store bus/base
SEES_targets := targets bus/store bus/base
SEES_libbus  := bus/libbus bus/base
SEES_flow    := bus/flow rules policy bus/store targets bus/base
SEES_api     := bus/api bus/api/model $(SEES_flow)
SEES_gate    := bus/gate bus/api bus/libbus bus/base
SEES_busctl  := bus/busctl bus/libbus bus/api/model targets rules bus/base

ON_base    := base
ON_model   := model base
ON_rules   := rules base
ON_policy  := policy base
ON_store   := store base
ON_targets := targets model store base
ON_libbus  := libbus base
ON_flow    := flow targets model store policy rules base
ON_api     := api flow targets model store policy rules base
ON_gate    := gate api flow targets model store policy rules libbus base
ON_busctl  := busctl libbus model rules base

# Archives that stand on a library of the system, and the flags they need.
SYS_base := -ljansson -lcrypto -lm
SYS_rules := -lyaml -lm
SYS_store := -lsqlite3
SYS_targets := -lcurl
SYS_libbus := -lnng
SYS_gate := -lnng -lmicrohttpd -lz

lib = $(OUT)/lib/lib$(1)_.a
libs = $(foreach l,$(1),$(call lib,$(l)))
sys = $(sort $(foreach l,$(1),$(SYS_$(l))))
quote = $(foreach d,$(1),-iquote $(d))

.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

define LAYER
OBJ_$(1) := $$(SRC_$(1):%.c=$$(OUT)/obj/%.o)
$$(OBJ_$(1)): $$(OUT)/obj/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $$(if $$(filter libbus base,$(1)),-fPIC) $$(call quote,$$(SEES_$(1))) -MMD -MP -c $$< -o $$@
$$(call lib,$(1)): $$(OBJ_$(1))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$(OBJ_$(1))
-include $$(OBJ_$(1):.o=.d)
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER,$(l))))
Q := @

# ---- programs -----------------------------------------------------------------------------------------------------------------
SRC_busd := $(wildcard bus/*.c)
$(OUT)/busd: $(SRC_busd) $(wildcard bus/*.h bus/*.def) $(call libs,$(ON_gate)) Makefile
	$(Q)$(CC) $(CFLAGS_ALL) $(call quote,bus bus/gate $(SEES_api)) $(SRC_busd) $(LDFLAGS_ALL) -o $@ \
	  $(call libs,$(ON_gate)) $(call sys,$(ON_gate))
$(OUT)/busctl: bus/busctl/main.c $(call libs,$(ON_busctl)) Makefile
	$(Q)$(CC) $(CFLAGS_ALL) $(call quote,$(SEES_busctl)) $< $(LDFLAGS_ALL) -o $@ $(call libs,$(ON_busctl)) $(call sys,$(ON_busctl))
# The library a program links: only the bus_* names are visible, base goes in with it.
$(OUT)/libbus.so: $(call libs,$(ON_libbus)) bus/libbus/libbus.map
	$(Q)$(CC) -shared $(filter-out -pie,$(LDFLAGS_ALL)) -Wl,-soname,libbus.so.1 -Wl,--version-script=bus/libbus/libbus.map -o $@ \
	  -Wl,--whole-archive $(call lib,libbus) -Wl,--no-whole-archive $(call lib,base) $(call sys,$(ON_libbus))
	$(Q)ln -sf libbus.so $(OUT)/libbus.so.1
# The same as one object: what stands below the library keeps its names to itself.
$(OUT)/libbus.a: $(call libs,$(ON_libbus))
	$(Q)$(LD) -r -o $(OUT)/libbus.o --whole-archive $(call lib,libbus) --no-whole-archive $(call lib,base)
	$(Q)objcopy --wildcard --keep-global-symbol='bus_*' $(OUT)/libbus.o && rm -f $@ && $(AR) rcs $@ $(OUT)/libbus.o

# Programs that use libbus as anybody would: its header alone, and the shared library.
CLIENTS := $(OUT)/producer $(OUT)/crash_producer $(OUT)/bus_bench $(OUT)/destination_load
$(OUT)/producer: examples/producer/producer.c
$(OUT)/crash_producer: tests/crash/crash_producer.c
$(OUT)/bus_bench: tests/bench/bus_bench.c
$(OUT)/destination_load: tests/bench/destination_load.c
$(CLIENTS): $(OUT)/libbus.so bus/libbus/bus.h Makefile
	$(Q)$(CC) $(CFLAGS_ALL) -iquote bus/libbus $(filter %.c,$^) $(LDFLAGS_ALL) -o $@ -L$(OUT) -lbus -Wl,-rpath,'$$ORIGIN'
$(OUT)/smtp_sink: tests/support/smtp_sink.c $(call lib,base) Makefile
	$(Q)$(CC) $(CFLAGS_ALL) $(call quote,tests/support bus/base) $< $(LDFLAGS_ALL) -o $@ $(call lib,base) $(SYS_base)
$(OUT)/store_bench: tests/bench/store_bench.c $(call libs,$(ON_store)) Makefile
	$(Q)$(CC) $(CFLAGS_ALL) $(call quote,$(SEES_store)) $< $(LDFLAGS_ALL) -o $@ $(call libs,$(ON_store)) $(call sys,$(ON_store))

$(OUT)/http_bench: tests/bench/http_bench.c $(call lib,base) Makefile
	$(Q)$(CC) $(CFLAGS_ALL) $(call quote,bus/base) $< $(LDFLAGS_ALL) -o $@ $(call lib,base) $(SYS_base)
$(OUT)/match: tests/bench/match.c tests/bench/workload.c tests/bench/workload.h $(call libs,$(ON_rules)) Makefile
	$(Q)$(CC) $(CFLAGS_ALL) $(call quote,tests/bench $(SEES_rules)) $(filter %.c,$^) $(LDFLAGS_ALL) -o $@ $(call libs,$(ON_rules)) $(call sys,$(ON_rules))

# ---- tests: tests/unit/LAYER/NAME_test.c and tests/contract/LAYER/NAME_test.c link what LAYER may use, plus cmocka ----------------
UNIT := $(wildcard tests/unit/*/*_test.c) $(wildcard tests/contract/*/*_test.c)
UNIT_BIN := $(UNIT:%.c=$(OUT)/%)
layer_of = $(word 3,$(subst /, ,$(1)))
define UNIT_RULE
$(OUT)/$(1:.c=): $(1) $$(call libs,$$(ON_$(call layer_of,$(1)))) Makefile
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $$(call quote,tests/support $$(SEES_$(call layer_of,$(1))) $$(SEES_$(firstword $(SEES_$(call layer_of,$(1)))))) -MMD -MF $$@.d $$< $$(LDFLAGS_ALL) -o $$@ \
	  $$(call libs,$$(ON_$(call layer_of,$(1)))) -lcmocka $$(call sys,$$(ON_$(call layer_of,$(1))))
-include $(OUT)/$(1:.c=).d
endef
$(foreach t,$(UNIT),$(eval $(call UNIT_RULE,$(t))))

# ---- fuzzers: tests/fuzz/LAYER/NAME_fuzz.c, clang and libFuzzer; `make corpora` runs the stored corpora through a plain main -----
FUZZ := $(wildcard tests/fuzz/*/*_fuzz.c)
FUZZ_BIN := $(FUZZ:%.c=$(BUILD)/fuzz/%)
FUZZ_FLAGS := -std=c17 -D_GNU_SOURCE -pthread -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
fuzz_libs = $(foreach l,$(ON_$(1)),$(BUILD)/fuzz/lib/lib$(l)_.a)
define FUZZ_RULE
$(BUILD)/fuzz/$(1:.c=): $(1) $$(foreach l,$$(ON_$(call layer_of,$(1))),$$(SRC_$$(l)))
	@mkdir -p $$(@D)
	$$(Q)$$(MAKE) --no-print-directory MODE=fuzz CC=clang $$(call fuzz_libs,$(call layer_of,$(1)))
	$$(Q)clang $$(FUZZ_FLAGS) $$(call quote,$$(SEES_$(call layer_of,$(1)))) $(1) -o $$@ $$(call fuzz_libs,$(call layer_of,$(1))) $$(call sys,$$(ON_$(call layer_of,$(1))))
endef
$(foreach t,$(FUZZ),$(eval $(call FUZZ_RULE,$(t))))

# The stored corpora run in the normal suite: each fuzzer with a plain main, under ASan and UBSan.
CORPUS_BIN := $(FUZZ:%.c=$(BUILD)/corpus/%)
define CORPUS_RULE
$(BUILD)/corpus/$(1:.c=): $(1) tests/support/corpus_main.c $$(foreach l,$$(ON_$(call layer_of,$(1))),$(BUILD)/asan/lib/lib$$(l)_.a)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -std=c17 -D_GNU_SOURCE -pthread $(OPT_asan) $$(call quote,$$(SEES_$(call layer_of,$(1)))) $$^ -o $$@ $$(call sys,$$(ON_$(call layer_of,$(1))))
endef
$(foreach t,$(FUZZ),$(eval $(call CORPUS_RULE,$(t))))

# ---- what is asked for ----------------------------------------------------------------------------------------------------------------
TOOLS := $(OUT)/smtp_sink $(OUT)/producer $(OUT)/destination_load
.PHONY: all agreement deps demo test test-build unit unit-bins corpora corpora-bins crash fuzz bench destinations-soak install uninstall deb clean help
all: $(OUT)/busd $(OUT)/busctl $(OUT)/libbus.so $(OUT)/libbus.a

# Debian packages: what building, running and testing need. Installs only what is missing, as root or with sudo.
PACKAGES := gcc g++ binutils libc6-dev make libnng-dev libjansson-dev libsqlite3-dev libyaml-dev libcurl4-openssl-dev libssl-dev libmicrohttpd-dev zlib1g-dev libcmocka-dev jq python3 openssl awscli nodejs
deps:
	$(Q)missing=$$(for p in $(PACKAGES); do dpkg-query -Wf '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "installing:" $$missing; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

JOBS := $(shell nproc 2>/dev/null || echo 2)
demo: deps
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(TOOLS)
	$(Q)examples/cross-account/demo.sh $(OUT)

# Everything that has a verdict. tests/run prints the closing line.
test: deps
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(TOOLS) $(OUT)/crash_producer unit-bins
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) MODE=asan unit-bins corpora-bins $(BUILD)/asan/busd
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) MODE=tsan unit-bins L="$(THREADED)" $(BUILD)/tsan/busd
	$(Q)tests/run $(BUILD)
THREADED := store targets libbus gate flow api

UNIT_RUN := $(if $(L),$(foreach l,$(L),$(filter $(OUT)/tests/unit/$(l)/% $(OUT)/tests/contract/$(l)/%,$(UNIT_BIN))),$(UNIT_BIN))
unit-bins: $(UNIT_RUN)
corpora-bins: $(CORPUS_BIN)
# One layer's tests, or all: make unit L=rules MODE=asan
unit: unit-bins
	$(Q)status=0; for t in $(UNIT_RUN); do CMOCKA_MESSAGE_OUTPUT=STDOUT $$t || status=1; done; exit $$status

# Long runs: not part of make test.
FUZZ_SECONDS ?= 60
PAIRS ?= 10000000
CHANGES ?= 1000000
fuzz: $(FUZZ_BIN) agreement
	$(Q)for f in $^; do name=$$(basename $$f _fuzz); mkdir -p $(BUILD)/corpus-new/$$name; echo "== $$name"; \
	  $$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=$(BUILD)/corpus-new/$$name- \
	    $(BUILD)/corpus-new/$$name tests/fuzz/corpus/$$name 2>&1 | tail -n 3 || exit 1; done
# The compiled matcher and the plain evaluator on PAIRS generated pairs of rules and event, and CHANGES changes of a set of rules, all under ASan
# and UBSan; SEED makes it another run.
SEED ?= 1
agreement:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) MODE=asan $(BUILD)/asan/tests/unit/rules/matcher_test $(BUILD)/asan/tests/unit/rules/matcher_set_test
	$(Q)AGREEMENT_PAIRS=$(PAIRS) AGREEMENT_SEED=$(SEED) $(BUILD)/asan/tests/unit/rules/matcher_test
	$(Q)MATCHER_CHANGES=$(CHANGES) $(BUILD)/asan/tests/unit/rules/matcher_set_test
KILLS ?= 500
crash: deps
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(OUT)/crash_producer
	$(Q)BUILD=$(abspath $(BUILD)) PYTHONPATH=tests/support KILLS=$(KILLS) python3 -m unittest discover -v -s tests/crash -p '*_test.py'
bench: deps
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(OUT)/bus_bench $(OUT)/store_bench $(OUT)/http_bench $(OUT)/match
	$(Q)tests/bench/run $(OUT)
	$(Q)$(OUT)/match --table

# API destinations: thousands of bad ones beside healthy ones, with figures.
destinations-soak: deps
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) all $(OUT)/destination_load
	$(Q)tests/bench/destinations-soak $(OUT)

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR ?= $(PREFIX)/lib/systemd/system
# systemd has a program called busctl too. Ours is always installed as eventbusctl, and as busctl where that name is free (BUSCTL=no: not even then).
BUSCTL ?= $(shell f=$(DESTDIR)$(PREFIX)/bin/busctl; if [ ! -e $$f ] || [ "$$(readlink $$f)" = eventbusctl ]; then echo yes; else echo no; fi)
VERSION := $(shell sed -n 's/^\#define BUS_VERSION "\(.*\)"/\1/p' bus/libbus/bus.h)
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g; s|@LIBDIR@|$(LIBDIR)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g; s|@VERSION@|$(VERSION)|g'
install: all
	$(Q)install -D -m 755 $(OUT)/busd $(DESTDIR)$(PREFIX)/bin/busd
	$(Q)install -D -m 755 $(OUT)/busctl $(DESTDIR)$(PREFIX)/bin/eventbusctl
	$(Q)if [ "$(BUSCTL)" = yes ]; then ln -sfn eventbusctl $(DESTDIR)$(PREFIX)/bin/busctl; \
	  else echo "$(PREFIX)/bin/busctl is not installed: call eventbusctl"; fi
	$(Q)install -D -m 644 bus/libbus/bus.h $(DESTDIR)$(PREFIX)/include/bus.h
	$(Q)install -D -m 644 $(OUT)/libbus.so $(DESTDIR)$(LIBDIR)/libbus.so.1
	$(Q)ln -sfn libbus.so.1 $(DESTDIR)$(LIBDIR)/libbus.so
	$(Q)install -D -m 644 $(OUT)/libbus.a $(DESTDIR)$(LIBDIR)/libbus.a
	$(Q)mkdir -p $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSCONFDIR)/busd $(DESTDIR)$(PREFIX)/share/busd
	$(Q)$(FILL) bus/install/libbus.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/libbus.pc
	$(Q)$(FILL) bus/install/busd.service.in > $(DESTDIR)$(UNITDIR)/busd.service
	$(Q)$(OUT)/busd --print-config > $(DESTDIR)$(PREFIX)/share/busd/busd.yaml
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/busd/busd.yaml ] || install -m 644 $(DESTDIR)$(PREFIX)/share/busd/busd.yaml $(DESTDIR)$(SYSCONFDIR)/busd/busd.yaml
# Takes away what install made, but for a configuration that somebody changed, and data.
uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/busd bin/eventbusctl include/bus.h) $(addprefix $(DESTDIR)$(LIBDIR)/,libbus.so libbus.so.1 libbus.a pkgconfig/libbus.pc)
	$(Q)rm -f $(DESTDIR)$(UNITDIR)/busd.service
	$(Q)[ "$$(readlink $(DESTDIR)$(PREFIX)/bin/busctl)" != eventbusctl ] || rm -f $(DESTDIR)$(PREFIX)/bin/busctl
	$(Q)! cmp -s $(DESTDIR)$(PREFIX)/share/busd/busd.yaml $(DESTDIR)$(SYSCONFDIR)/busd/busd.yaml || rm -f $(DESTDIR)$(SYSCONFDIR)/busd/busd.yaml
	$(Q)rm -rf $(DESTDIR)$(PREFIX)/share/busd
	$(Q)rmdir $(DESTDIR)$(SYSCONFDIR)/busd 2>/dev/null || true

# Debian packages in $(BUILD)/deb: libbus1, libbus-dev, busd. From what is committed, in a directory of its own, and looked at by lintian.
DEB_PACKAGES := debhelper lintian fakeroot pkg-config
deb:
	$(Q)$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(DEB_PACKAGES)"
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/eventbus-$(VERSION)
	$(Q)git archive HEAD | tar -x -C $(BUILD)/deb/eventbus-$(VERSION)
	$(Q)cd $(BUILD)/deb/eventbus-$(VERSION) && mv bus/install/debian debian && \
	  sed -e 's|@VERSION@|$(VERSION)|; s|@DATE@|'"$$(git -C $(CURDIR) log -1 --format=%aD)"'|' debian/changelog.in > debian/changelog && rm debian/changelog.in && \
	  dpkg-buildpackage -b -us -uc -j$(JOBS) > ../build.log 2>&1 || { tail -n 40 ../build.log; exit 1; }
	$(Q)cd $(BUILD)/deb && lintian --fail-on error --allow-root *.changes
	$(Q)ls $(BUILD)/deb/*.deb
clean:
	rm -rf $(BUILD)
help:
	@echo "make demo      install what is missing, build, run the cross-account demo"
	@echo "make test      the same build, then all tests; closes with 'N passed, N failed'"
	@echo "make unit L=X  unit and contract tests of one layer (MODE=asan, MODE=tsan)"
	@echo "make crash     kill -9 under load, KILLS=$(KILLS) times"
	@echo "make fuzz      every fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS) (needs clang)"
	@echo "make agreement the matcher against the evaluator on PAIRS=$(PAIRS) pairs, and CHANGES=$(CHANGES) changes of rules"
	@echo "make bench     throughput, latency, memory, start-up time"
	@echo "make destinations-soak  thousands of bad API destinations beside healthy ones: does their p99 move?"
	@echo "make install   to PREFIX=$(PREFIX) (DESTDIR, LIBDIR, SYSCONFDIR, UNITDIR; BUSCTL=no: only as eventbusctl); make uninstall takes it away"
	@echo "make deb       Debian packages in $(BUILD)/deb, looked at by lintian"
