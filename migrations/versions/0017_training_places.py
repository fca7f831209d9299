"""Whether an observation is at a place that its model was trained on.

Revision ID: 0017
Revises: 0016
Create Date: 2026-11-30
"""
from alembic import op
import sqlalchemy as sa


revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade():
    # without a batch, so that SQLite does not copy the table
    op.add_column('observations', sa.Column('at_training_place', sa.Boolean(), nullable=True))


def downgrade():
    with op.batch_alter_table('observations', schema=None) as batch_op:
        batch_op.drop_column('at_training_place')
