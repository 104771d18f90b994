/* One visit after another through the C door, each timed: benchmarks/embed.py writes the input and reads what came out.
 *   embed_latency IMAGE INPUT OUTPUT MODE     MODE: combination | facts | cold */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ybcore/ybcore.h"

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
static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static yb_text text(const char* of) {
  yb_text out;
  out.at = of;
  out.size = strlen(of);
  return out;
}

int main(int argc, char** argv) {
  if (argc != 5) return 1;
  FILE* in = fopen(argv[2], "rb");
  FILE* out = fopen(argv[3], "wb");
  if (!in || !out) return 1;
  const int by_facts = strcmp(argv[4], "facts") == 0;
  const int cold = strcmp(argv[4], "cold") == 0;
  const int64_t* head = get(in, 8, 3);
  const size_t visits = (size_t)head[0], lines = (size_t)head[1], persons = (size_t)head[2];
  const int32_t* person = get(in, 4, visits);
  const int32_t* day = get(in, 4, visits);
  const int32_t* kind = get(in, 4, visits);
  const int32_t* tier = get(in, 4, visits);
  const int64_t* off = get(in, 8, visits + 1);
  const int32_t* item = get(in, 4, lines);
  const int32_t* line_day = get(in, 4, lines);
  const int64_t* quantity = get(in, 8, lines);
  const int64_t* amount = get(in, 8, lines);
  const int32_t* category = get(in, 4, persons);
  const int64_t* balance = get(in, 8, persons);
  yb_image* image;
  yb_desk* desk;
  must(yb_image_open(argv[1], &image), NULL);
  must(yb_desk_new(image, &desk), NULL);
  const char* kinds[] = {"11", "21"};
  const char* tiers[] = {"1", "2", "3"};
  const char* categories[] = {"11", "12", "13"};
  const char* names[] = {"med_type", "dedc_hosp_lv", "psn_type", "insutype", "insuplc_admdvs"};
  yb_fact facts[5];
  memset(facts, 0, sizeof facts);
  for (int f = 0; f < 5; ++f) {
    facts[f].which = yb_image_fact(image, text(names[f]));
    facts[f].number = YB_MISSING;
  }
  facts[3].text = text("310");
  facts[4].text = text("110000");
  /* The account is as at first again on the first day of 2025. */
  yb_movement renewed;
  memset(&renewed, 0, sizeof renewed);
  renewed.day = 20089;
  yb_line* bill = calloc(lines + 1, sizeof *bill);
  for (size_t l = 0; l < lines; ++l) {
    char code[32];
    snprintf(code, sizeof code, "X%022d", item[l]);
    bill[l].item = yb_image_item(image, text(code));
    bill[l].day = line_day[l];
    bill[l].quantity = quantity[l];
    bill[l].amount = amount[l];
    bill[l].price = YB_MISSING;
    bill[l].returns = -1;
  }
  yb_state* state;
  must(yb_state_new(image, &state), NULL);
  yb_state* empty;
  must(yb_state_new(image, &empty), NULL);
  const size_t most = 64u << 20;
  unsigned char* other = malloc(most);
  yb_result* results = calloc(visits + 1, sizeof *results);
  int64_t* took = calloc(visits + 1, sizeof *took);
  /* A first round for the processor to have seen everything. */
  for (int round = 0; round < 2; ++round) {
    for (size_t v = 0; v < visits; ++v) {
      char id[24], who[24];
      yb_visit visit;
      const int32_t p = person[v];
      if (v == 0 || person[v - 1] != p) {
        must(yb_state_copy(empty, state), NULL);
        must(yb_state_reserve(state, 64), NULL);
      }
      memset(&visit, 0, sizeof visit);
      visit.size = sizeof visit;
      visit.version = UINT64_MAX;
      snprintf(id, sizeof id, "%zu", v);
      snprintf(who, sizeof who, "%d", p);
      visit.setl_id = text(id);
      visit.psn_no = text(who);
      visit.setl_day = day[v];
      visit.begndate = visit.enddate = visit.brdy = YB_NO_DAY;
      visit.ipt_days = visit.combination = -1;
      visit.acct_used = visit.movements_known = 1;
      visit.medfee = visit.mulaid_balc = YB_MISSING;
      visit.balc = balance[p];
      renewed.amount = balance[p];
      visit.movements = &renewed;
      visit.movement_count = 1;
      facts[0].text = text(kinds[kind[v]]);
      facts[1].text = text(tiers[tier[v]]);
      facts[2].text = text(categories[category[p]]);
      visit.facts = facts;
      visit.fact_count = 5;
      if (!by_facts) must(yb_combination(desk, &visit, &visit.combination), desk);
      results[v].size = sizeof results[v];
      if (cold && round == 1) {
        for (size_t b = 0; b < most; b += 64) other[b] = (unsigned char)(other[b] + 1);
      }
      const int64_t begin = now();
      const yb_code code = yb_settle(desk, state, &visit, bill + off[v], (size_t)(off[v + 1] - off[v]), &results[v], NULL, state);
      took[v] = now() - begin;
      must(code, desk);
    }
  }
  for (size_t v = 0; v < visits; ++v) fwrite(results[v].columns, 8, YB_COLUMN_COUNT, out);
  fwrite(took, 8, visits, out);
  return fclose(out) == 0 ? 0 : 1;
}
