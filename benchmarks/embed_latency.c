/* Visits through the C door: benchmarks/embed.py writes the input and reads what came out.
 *   embed_latency IMAGE INPUT OUTPUT combination|facts|cold    one after another, each timed
 *   embed_latency IMAGE INPUT OUTPUT threads N                 people shared out to N threads, with a desk and a state each */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ybcore/ybcore.h"

enum { FACTS = 5, ID = 24 };

static void* get(FILE* from, size_t size, size_t count) {
  void* out = malloc(size * count + 1);
  if (!out || fread(out, size, count, from) != count) exit(3);
  return out;
}
static void must(yb_code code, const yb_desk* desk) {
  if (code == YB_OK) return;
  fprintf(stderr, "%s %s\n", yb_sentence(code, 0), desk ? yb_why(desk) : "");
  exit(2);
}
static int64_t now(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static yb_text text(const char* of) {
  yb_text out;
  out.at = of;
  out.size = strlen(of);
  return out;
}

/* What all threads read. */
static struct {
  yb_image* image;
  size_t visits;
  const int32_t *person, *day, *kind, *tier, *category;
  const int64_t *off, *balance;
  yb_line* bill;
  char* ids; /* of each visit and of its person */
  int32_t which[FACTS];
  yb_result* results;
} all;

/* What one thread has. */
typedef struct worker {
  yb_desk* desk;
  yb_state *state, *empty;
  yb_fact facts[FACTS];
  yb_movement renewed;
  yb_visit visit;
  size_t number, of;
  pthread_barrier_t* barrier;
  int64_t spent;
  char apart[128]; /* so that no line of the cache is two threads' */
} worker;

static void open_worker(worker* w) {
  static const char* const fixed[FACTS] = {NULL, NULL, NULL, "310", "110000"};
  memset(w->facts, 0, sizeof w->facts);
  memset(&w->renewed, 0, sizeof w->renewed);
  memset(&w->visit, 0, sizeof w->visit);
  must(yb_desk_new(all.image, &w->desk), NULL);
  must(yb_state_new(all.image, &w->state), NULL);
  must(yb_state_new(all.image, &w->empty), NULL);
  for (int f = 0; f < FACTS; ++f) {
    w->facts[f].which = all.which[f];
    w->facts[f].number = YB_MISSING;
    if (fixed[f]) w->facts[f].text = text(fixed[f]);
  }
  w->renewed.day = 20089; /* The account is as at first again on the first day of 2025. */
  w->visit.size = sizeof w->visit;
  w->visit.version = UINT64_MAX;
  w->visit.begndate = w->visit.enddate = w->visit.brdy = YB_NO_DAY;
  w->visit.ipt_days = -1;
  w->visit.acct_used = w->visit.movements_known = 1;
  w->visit.medfee = w->visit.mulaid_balc = YB_MISSING;
  w->visit.movements = &w->renewed;
  w->visit.movement_count = 1;
  w->visit.facts = w->facts;
  w->visit.fact_count = FACTS;
}

static void open_person(worker* w) {
  must(yb_state_copy(w->empty, w->state), NULL);
  must(yb_state_reserve(w->state, 64), NULL);
}

static void make_visit(worker* w, size_t v, int by_facts) {
  static const char* const kinds[] = {"11", "21"};
  static const char* const tiers[] = {"1", "2", "3"};
  static const char* const categories[] = {"11", "12", "13"};
  const int32_t p = all.person[v];
  w->visit.setl_id = text(all.ids + 2 * v * ID);
  w->visit.psn_no = text(all.ids + (2 * v + 1) * ID);
  w->visit.setl_day = all.day[v];
  w->visit.balc = w->renewed.amount = all.balance[p];
  w->facts[0].text = text(kinds[all.kind[v]]);
  w->facts[1].text = text(tiers[all.tier[v]]);
  w->facts[2].text = text(categories[all.category[p]]);
  w->visit.combination = -1;
  all.results[v].size = sizeof all.results[v];
  if (!by_facts) must(yb_combination(w->desk, &w->visit, &w->visit.combination), w->desk);
}

static yb_code settle(worker* w, size_t v) {
  return yb_settle(w->desk, w->state, &w->visit, all.bill + all.off[v], (size_t)(all.off[v + 1] - all.off[v]), &all.results[v], NULL,
                   w->state);
}

static void each_timed(const char* mode, FILE* out) {
  const size_t most = 64u << 20;
  const int by_facts = strcmp(mode, "facts") == 0;
  const int cold = strcmp(mode, "cold") == 0;
  unsigned char* other = calloc(most, 1);
  int64_t* took = calloc(all.visits + 1, sizeof *took);
  worker one;
  open_worker(&one);
  /* A first round for the processor to have seen everything. */
  for (int round = 0; round < 2; ++round) {
    for (size_t v = 0; v < all.visits; ++v) {
      if (v == 0 || all.person[v - 1] != all.person[v]) open_person(&one);
      make_visit(&one, v, by_facts);
      if (cold && round == 1) {
        for (size_t b = 0; b < most; b += 64) other[b] = (unsigned char)(other[b] + 1);
      }
      const int64_t begin = now(CLOCK_MONOTONIC);
      const yb_code code = settle(&one, v);
      took[v] = now(CLOCK_MONOTONIC) - begin;
      must(code, one.desk);
    }
  }
  for (size_t v = 0; v < all.visits; ++v) fwrite(all.results[v].columns, 8, YB_COLUMN_COUNT, out);
  fwrite(took, 8, all.visits, out);
}

static void* work(void* given) {
  worker* w = given;
  open_worker(w);
  for (int round = 0; round < 2; ++round) {
    pthread_barrier_wait(w->barrier);
    const int64_t begin = now(CLOCK_THREAD_CPUTIME_ID);
    int32_t who = -1;
    for (size_t v = 0; v < all.visits; ++v) {
      if ((size_t)all.person[v] % w->of != w->number) continue;
      if (all.person[v] != who) open_person(w);
      who = all.person[v];
      make_visit(w, v, 0);
      must(settle(w, v), w->desk);
    }
    w->spent = now(CLOCK_THREAD_CPUTIME_ID) - begin;
    pthread_barrier_wait(w->barrier);
  }
  yb_state_free(w->empty);
  yb_state_free(w->state);
  yb_desk_free(w->desk);
  return NULL;
}

/* The second round's clock and the processor time of all threads, after the columns. */
static void on_threads(size_t threads, FILE* out) {
  pthread_barrier_t barrier;
  pthread_t* team = calloc(threads, sizeof *team);
  worker* workers = calloc(threads, sizeof *workers);
  int64_t told[2] = {0, 0};
  pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
  for (size_t t = 0; t < threads; ++t) {
    workers[t].number = t;
    workers[t].of = threads;
    workers[t].barrier = &barrier;
    if (pthread_create(&team[t], NULL, work, &workers[t]) != 0) exit(4);
  }
  for (int round = 0; round < 2; ++round) {
    pthread_barrier_wait(&barrier);
    const int64_t begin = now(CLOCK_MONOTONIC);
    pthread_barrier_wait(&barrier);
    told[0] = now(CLOCK_MONOTONIC) - begin;
  }
  for (size_t t = 0; t < threads; ++t) {
    pthread_join(team[t], NULL);
    told[1] += workers[t].spent;
  }
  for (size_t v = 0; v < all.visits; ++v) fwrite(all.results[v].columns, 8, YB_COLUMN_COUNT, out);
  fwrite(told, 8, 2, out);
}

int main(int argc, char** argv) {
  if (argc < 5) return 1;
  FILE* in = fopen(argv[2], "rb");
  FILE* out = fopen(argv[3], "wb");
  if (!in || !out) return 1;
  const int64_t* head = get(in, 8, 3);
  const size_t lines = (size_t)head[1], persons = (size_t)head[2];
  all.visits = (size_t)head[0];
  all.person = get(in, 4, all.visits);
  all.day = get(in, 4, all.visits);
  all.kind = get(in, 4, all.visits);
  all.tier = get(in, 4, all.visits);
  all.off = get(in, 8, all.visits + 1);
  const int32_t* item = get(in, 4, lines);
  const int32_t* line_day = get(in, 4, lines);
  const int64_t* quantity = get(in, 8, lines);
  const int64_t* amount = get(in, 8, lines);
  all.category = get(in, 4, persons);
  all.balance = get(in, 8, persons);
  must(yb_image_open(argv[1], &all.image), NULL);
  static const char* const names[FACTS] = {"med_type", "dedc_hosp_lv", "psn_type", "insutype", "insuplc_admdvs"};
  for (int f = 0; f < FACTS; ++f) all.which[f] = yb_image_fact(all.image, text(names[f]));
  all.bill = calloc(lines + 1, sizeof *all.bill);
  for (size_t l = 0; l < lines; ++l) {
    char code[32];
    snprintf(code, sizeof code, "X%022d", item[l]);
    all.bill[l].item = yb_image_item(all.image, text(code));
    all.bill[l].day = line_day[l];
    all.bill[l].quantity = quantity[l];
    all.bill[l].amount = amount[l];
    all.bill[l].price = YB_MISSING;
    all.bill[l].returns = -1;
  }
  all.ids = calloc(2 * all.visits + 1, ID);
  for (size_t v = 0; v < all.visits; ++v) {
    snprintf(all.ids + 2 * v * ID, ID, "%zu", v);
    snprintf(all.ids + (2 * v + 1) * ID, ID, "%d", all.person[v]);
  }
  all.results = calloc(all.visits + 1, sizeof *all.results);
  if (strcmp(argv[4], "threads") == 0) {
    on_threads(argc > 5 ? (size_t)atoi(argv[5]) : 1, out);
  } else {
    each_timed(argv[4], out);
  }
  return fclose(out) == 0 ? 0 : 1;
}
