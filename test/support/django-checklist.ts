/** The texts of a Django app's deployment checklist, as its operators type them. */

/** The query that compares the counts. */
export const verifyQuery = `-- Check that counts match
SELECT 
    c.id,
    c.title,
    c.total_enrollments as field_value,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id) as actual_count,
    CASE 
        WHEN c.total_enrollments = (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id) 
        THEN '✓ MATCH' 
        ELSE '✗ MISMATCH' 
    END as status
FROM core_course c
ORDER BY c.id;
`;

/** The look at the performance. */
export const explainQuery = `-- Check query performance
EXPLAIN SELECT id, title, total_enrollments FROM core_course WHERE total_enrollments > 10;
`;

/** The procedure that counts wrong counts, for the client of MySQL or MariaDB. */
export const verifyProcedure = `-- Create a stored procedure to verify counts
DELIMITER //
CREATE PROCEDURE verify_enrollment_counts()
BEGIN
    SELECT COUNT(*) as mismatches
    FROM core_course c
    WHERE c.total_enrollments != (
        SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id
    );
END //
DELIMITER ;
`;

/** The statement that sets all counts. */
export const updateAll = `UPDATE core_course c SET total_enrollments = (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id);
`;

/** The try in Django's shell. */
export const shellTry = `# In Django shell
from django.contrib.auth import get_user_model
from core.models import Course, Enrollment

User = get_user_model()

# Get a test course and student
course = Course.objects.first()
student = User.objects.filter(role='student').first()

print(f"Before: {course.total_enrollments}")

# Create enrollment
enrollment = Enrollment.objects.create(student=student, course=course)

# Refresh and check
course.refresh_from_db()
print(f"After create: {course.total_enrollments}")

# Delete enrollment
enrollment.delete()

# Refresh and check
course.refresh_from_db()
print(f"After delete: {course.total_enrollments}")
`;
