import { expect, it } from 'vitest';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, Role, User } from '../../src/entities/index.js';
import type { Database } from '../../src/database/database.js';
import type { Progress } from '../../src/tools/progress.js';
import { defaultSeedSize, isEmptyDatabase, seedDatabase } from '../../src/tools/sample-data/seed-database.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { coursesWithDrift } from '../support/courses-with-drift.js';

const until = new Date('2026-06-30T00:00:00Z');
const small = { courses: 12, students: 40, enrollments: 150, until };

async function contents(database: Database): Promise<unknown[]> {
  return database.em.fork().execute(
    `select c.title, c.description, c.capacity, c.total_enrollments, u.name, u.email, e.status, e.enrolled_at
     from core_enrollments e join core_course c on c.id = e.course_id join core_user u on u.id = e.student_id order by e.id`,
  );
}

describeOnEach('sample data', kind => {
  it('sample data are believable: all statuses, some courses popular, others empty, no course above its capacity, counts exact', async () => {
    const { database, drop } = await freshDatabase(kind);
    expect(await isEmptyDatabase(database)).toBe(true);
    const progress: Progress[] = [];
    await seedDatabase(database, { ...defaultSeedSize, until, onProgress: one => progress.push(one) });
    expect(await isEmptyDatabase(database)).toBe(false);
    expect(progress.at(-1)).toMatchObject({ done: 32_200, total: 32_200 });

    const em = database.em.fork();
    expect(await em.count(Course)).toBe(200);
    expect(await em.count(User, { role: Role.STUDENT })).toBe(2000);
    expect(await em.count(User, { role: Role.TEACHER })).toBeGreaterThan(10);
    expect(await em.count(User, { role: Role.ADMIN })).toBe(1);
    expect(await em.count(Enrollment)).toBe(30_000);
    for (const status of Object.values(EnrollmentStatus))
      expect(await em.count(Enrollment, { status })).toBeGreaterThan(300);
    expect(await em.count(Enrollment, { enrolledAt: { $gt: until } })).toBe(0);

    const courses = await em.find(Course, {});
    const totals = courses.map(course => course.totalEnrollments).toSorted((a, b) => b - a);
    expect(totals[0]).toBeGreaterThan(5 * totals[100]!);
    expect(totals.at(-1)).toBe(0);
    expect(new Set(courses.map(({ title }) => title)).size).toBe(200);
    for (const status of Object.values(CourseStatus))
      expect(courses.some(course => course.status === status)).toBe(true);
    expect(courses.some(({ status, isPublished }) => status === CourseStatus.ACTIVE && !isPublished)).toBe(true);
    const limited = courses.filter(({ capacity }) => capacity !== null);
    expect(limited.length).toBeGreaterThan(20);
    expect(limited.filter(({ capacity, activeEnrollments }) => activeEnrollments > capacity!)).toEqual([]);
    expect(await coursesWithDrift(database)).toEqual([]);
    await drop();
  });

  it('sample data are the same for the same seed, and different for another', async () => {
    const seeded = await Promise.all(
      [1, 1, 2].map(async seed => {
        const { database, drop } = await freshDatabase(kind);
        await seedDatabase(database, { ...small, seed });
        const rows = await contents(database);
        await drop();
        return rows;
      }),
    );
    expect(seeded[0]).toHaveLength(150);
    expect(seeded[1]).toEqual(seeded[0]);
    expect(seeded[2]).not.toEqual(seeded[0]);
  });

  it('sample data can be added to existing rows', async () => {
    const { database, drop } = await freshDatabase(kind);
    await seedDatabase(database, small);
    await seedDatabase(database, small);
    expect(await database.em.fork().count(Enrollment)).toBe(300);
    expect(await database.em.fork().count(User, { role: Role.ADMIN })).toBe(1);
    expect(await coursesWithDrift(database)).toEqual([]);
    await drop();
  });

  it('sample data fill every pair of a student and a course when so many enrollments are requested, and reject one more', async () => {
    const { database, drop } = await freshDatabase(kind);
    await expect(seedDatabase(database, { courses: 12, students: 40, enrollments: 481 })).rejects.toThrow(RangeError);
    expect(await isEmptyDatabase(database)).toBe(true);
    await seedDatabase(database, { courses: 12, students: 40, enrollments: 480 });
    expect(await database.em.fork().count(Enrollment)).toBe(480);
    await drop();
  });
});
