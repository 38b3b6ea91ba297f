import { DAY_MS } from '../day.js';
import { CourseStatus, EnrollmentStatus } from '../../entities/index.js';
import { allotmentOf } from './allotment.js';
import type { Random } from './random.js';
import { descriptionForms, titleForms, topics } from './vocabulary.js';

/** Describes a course and how many enrollments of each status it is to get. */
export interface CoursePlan {
  readonly title: string;
  readonly description: string | null;
  readonly status: CourseStatus;
  readonly isPublished: boolean;
  readonly capacity: number | null;
  readonly createdAt: Date;
  /** When its last student enrolled. */
  readonly closedAt: Date;
  readonly enrollments: Readonly<Record<EnrollmentStatus, number>>;
}

/** Plans courses of which a few draw most of the enrollments, many draw some and others none; oldest first. */
export function coursePlans(
  random: Random,
  { courses, students, enrollments, until }: { courses: number; students: number; enrollments: number; until: Date },
): CoursePlan[] {
  const titles = courseTitles(random, courses);
  const statuses = titles.map((_, index) =>
    index % 10 === 9 ? CourseStatus.DRAFT : index % 8 === 6 ? CourseStatus.ARCHIVED : CourseStatus.ACTIVE,
  );
  // Popularity is log-normal: a long tail, and a few courses that a good part of the students take.
  const weights = titles.map(({ appeal }, index) =>
    statuses[index] === CourseStatus.DRAFT || random.chance(0.05) ? 0 : appeal * Math.exp(0.7 * random.normal()),
  );
  const most = Math.ceil(0.85 * students);
  const shares = allotmentOf(
    enrollments,
    weights,
    enrollments > most * weights.filter(weight => weight > 0).length ? students : most,
  );
  const ages = titles.map(() => 20 + random.below(1000)).toSorted((a, b) => b - a);
  return titles.map(({ title, description }, index) => {
    const status = statuses[index]!;
    const createdAt = new Date(until.getTime() - ages[index]! * DAY_MS);
    const closedAt =
      status === CourseStatus.ARCHIVED
        ? new Date(Math.min(until.getTime(), createdAt.getTime() + 300 * DAY_MS))
        : until;
    const quotas = statusQuotas(random, status, shares[index]!);
    const isPublished = status !== CourseStatus.DRAFT && random.chance(status === CourseStatus.ACTIVE ? 0.93 : 0.6);
    return {
      title,
      description,
      status,
      isPublished,
      capacity: capacityFor(random, quotas.active),
      createdAt,
      closedAt,
      enrollments: quotas,
    };
  });
}

function courseTitles(random: Random, count: number): { title: string; description: string | null; appeal: number }[] {
  const named = Object.entries(topics).flatMap(([department, names]) =>
    names.flatMap(topic => titleForms.map(({ form, appeal }) => ({ title: form(topic), topic, department, appeal }))),
  );
  const shuffled = random.shuffled(named);
  return Array.from({ length: count }, (_, index) => {
    const { title, topic, department, appeal } = shuffled[index % shuffled.length]!;
    const section = Math.floor(index / shuffled.length) + 1;
    return {
      appeal,
      title: section === 1 ? title : `${title}, Section ${section}`,
      description: random.chance(0.9) ? random.pick(descriptionForms)(topic, department) : null,
    };
  });
}

function statusQuotas(random: Random, status: CourseStatus, total: number): Record<EnrollmentStatus, number> {
  const over = status === CourseStatus.ARCHIVED;
  const active = over ? 0 : Math.round(total * (0.4 + 0.4 * random.next()));
  const dropped = Math.round((total - active) * (0.2 + 0.3 * random.next()));
  const suspended = Math.round((total - active - dropped) * 0.15 * random.next());
  return {
    [EnrollmentStatus.ACTIVE]: active,
    [EnrollmentStatus.DROPPED]: dropped,
    [EnrollmentStatus.SUSPENDED]: suspended,
    [EnrollmentStatus.COMPLETED]: total - active - dropped - suspended,
  };
}

/** Returns no limit, or one that the ACTIVE enrollments reach or leave seats free below. */
function capacityFor(random: Random, active: number): number | null {
  if (random.chance(0.65)) return null;
  return active > 0 && random.chance(0.2) ? active : Math.ceil((active * (1.05 + random.next() / 2) + 5) / 5) * 5;
}
